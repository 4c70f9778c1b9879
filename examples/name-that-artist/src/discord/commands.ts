// The slash commands, as Discord is told about them.
import { ApplicationIntegrationType, InteractionContextType, SlashCommandBuilder } from 'discord.js'

export const ROUND_ACTION = 'action'
export const HINT = 'hint'
export const SKIP = 'skip'
export const GUESSED_ARTIST = 'artist'

const LONGEST_GUESS = 100

function command(name: string, description: string): SlashCommandBuilder {
  // On servers only: a game in somebody's private messages would be one that nobody else can win.
  return new SlashCommandBuilder()
    .setName(name)
    .setDescription(description)
    .setContexts(InteractionContextType.Guild)
    .setIntegrationTypes(ApplicationIntegrationType.GuildInstall)
}

export const COMMANDS = [
  command('round', 'Shows the picture of this channel’s round, or begins the next round').addStringOption((option) =>
    option
      .setName(ROUND_ACTION)
      .setDescription('What else to do with the round')
      .addChoices({ name: 'a hint, at a price', value: HINT }, { name: 'give up this picture', value: SKIP }),
  ),
  command('guess', 'Names the artist of this channel’s picture').addStringOption((option) =>
    option
      .setName(GUESSED_ARTIST)
      .setDescription('The last name is enough')
      .setRequired(true)
      .setMaxLength(LONGEST_GUESS),
  ),
  command('leaderboard', 'The best players, on all servers of this bot'),
].map((each) => each.toJSON())
