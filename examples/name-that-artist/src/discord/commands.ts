// The slash commands that the bot registers with Discord.
import { ApplicationIntegrationType, InteractionContextType, SlashCommandBuilder } from 'discord.js'

export const ROUND_ACTION = 'action'
export const HINT = 'hint'
export const SKIP = 'skip'
export const GUESSED_ARTIST = 'artist'

const MAX_GUESS_LENGTH = 100

function command(name: string, description: string): SlashCommandBuilder {
  // Only on servers: in private messages there would be nobody to play against.
  return new SlashCommandBuilder()
    .setName(name)
    .setDescription(description)
    .setContexts(InteractionContextType.Guild)
    .setIntegrationTypes(ApplicationIntegrationType.GuildInstall)
}

export const COMMANDS = [
  command('round', 'Shows the picture of this channel’s round, or starts the next round').addStringOption((option) =>
    option
      .setName(ROUND_ACTION)
      .setDescription('Another action for the round')
      .addChoices({ name: 'a hint, for fewer points', value: HINT }, { name: 'give up this picture', value: SKIP }),
  ),
  command('guess', 'Guesses the artist of this channel’s picture').addStringOption((option) =>
    option
      .setName(GUESSED_ARTIST)
      .setDescription('The last name is enough')
      .setRequired(true)
      .setMaxLength(MAX_GUESS_LENGTH),
  ),
  command('leaderboard', 'The best players, on all servers of this bot'),
].map((each) => each.toJSON())
