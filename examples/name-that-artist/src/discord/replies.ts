// The game's results as messages. Discord refuses a message of more than 2,000 characters, so every text in one that
// comes from people or from data has a limit of its own.
import type { Artwork } from '../game/artwork.js'
import type { Player } from '../game/player.js'
import type { GuessResult, HintResult, RoundView, SkipResult } from '../game/views.js'
import { literal, oneLine } from './markdown.js'

const NAME_LENGTH = 40
const TEXT_LENGTH = 150

export const NO_ROUND = 'No round is open in this channel just now. `/round` begins one.'
export const NO_GUESS = 'A guess needs a name: `/guess` and the artist. This one did not count.'
export const NOT_KNOWN = 'This command is not known any more. `/round`, `/guess` and `/leaderboard` are.'
export const CLOSING =
  'The bot is being restarted, and this did not count. The round goes on in a moment: try again then.'
export const FAILED = 'That could not be done, sorry. What was counted before is safe; please try again in a while.'

const named = (name: string): string => `**${literal(name, NAME_LENGTH) || 'Somebody'}**`
const text = (value: string): string => literal(value, TEXT_LENGTH)

function counted(count: number, word: string): string {
  return `${count} ${word}${count === 1 ? '' : 's'}`
}

function titleLine({ title, year, style }: Pick<RoundView, 'title' | 'year' | 'style'>): string {
  const details = [year, style].filter((detail) => detail !== '').map(text)
  return [`**${text(title)}**`, ...details].join(' · ')
}

/** Underscores are what hints are made of, and Markdown; in a block they stand as they are. */
function hintBlock(hint: string): string {
  return `\`\`\`\n${oneLine(hint.replaceAll('`', '’'), 2 * TEXT_LENGTH)}\n\`\`\``
}

function aboutArtwork(artwork: Artwork): string {
  return `${titleLine({ ...artwork, style: '' })} is by **${text(artwork.artist)}**.`
}

export function roundReply({ round, isNew }: { round: RoundView; isNew: boolean }): string {
  return [
    `Round ${round.round}${isNew ? '' : ' goes on'}`,
    titleLine(round),
    ...(round.hint === undefined ? [] : [hintBlock(round.hint)]),
    'Who made it? `/guess` it.',
  ].join('\n')
}

export function guessReply(username: string, guess: string, result: GuessResult): string {
  if (result.kind === 'no-round') return NO_ROUND
  const said = `${named(username)} says “${text(guess)}”`
  if (result.kind !== 'right') return `${said}: ${result.kind === 'close' ? 'very close, but no.' : 'no.'}`
  const { points, player, artwork } = result
  const streak = player.streak > 1 ? `, ${player.streak} in a row` : ''
  return [
    `${said}: **yes!** That gives ${counted(points, 'point')}${streak}, and makes ${player.score}.`,
    aboutArtwork(artwork),
    '`/round` shows the next one.',
  ].join('\n')
}

export function hintReply(result: HintResult): string {
  if (result.kind === 'no-round') return NO_ROUND
  const { hint = '', hints } = result.round
  const said = result.kind === 'no-more' ? 'That is all that can be told:' : `Hint ${hints}:`
  return `${said}\n${hintBlock(hint)}`
}

export function skipReply(result: SkipResult): string {
  if (result.kind === 'no-round') return NO_ROUND
  return `Nobody knew: ${aboutArtwork(result.artwork)}\n\`/round\` shows the next one.`
}

export function leaderboardReply(players: readonly Player[]): string {
  if (players.length === 0) return 'Nobody has played yet. `/round` begins.'
  const rows = players.map(({ username, score, wins, games, streak, bestStreak }, index) => {
    const numbers = [counted(score, 'point'), `${counted(wins, 'win')} in ${counted(games, 'game')}`]
    return `${index + 1}. ${named(username)}: ${numbers.join(', ')}, streak ${streak} (best ${bestStreak})`
  })
  return ['**Leaderboard**', ...rows].join('\n')
}
