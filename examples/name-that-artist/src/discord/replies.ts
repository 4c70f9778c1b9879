// The game's results as messages. Discord refuses messages of more than 2,000 characters, so every text from users or
// data has a limit.
import type { Artwork } from '../game/artwork.js'
import type { Player } from '../game/player.js'
import type { GuessResult, HintResult, RoundView, SkipResult } from '../game/views.js'
import { literal, oneLine } from './markdown.js'

const MAX_NAME_LENGTH = 40
const MAX_TEXT_LENGTH = 150

export const NO_ROUND = 'There is no open round in this channel. Start one with `/round`.'
export const NO_GUESS = 'A guess needs the name of an artist. This one did not count.'
export const UNKNOWN_COMMAND = 'This command no longer exists. Use `/round`, `/guess` or `/leaderboard`.'
export const CLOSING =
  'The bot is restarting, so this did not count. The round continues in a moment. Please try again then.'
export const FAILED = 'Sorry, that did not work. Everything counted so far is safe. Please try again later.'

const named = (name: string): string => `**${literal(name, MAX_NAME_LENGTH) || 'Someone'}**`
const text = (value: string): string => literal(value, MAX_TEXT_LENGTH)

function counted(count: number, word: string): string {
  return `${count} ${word}${count === 1 ? '' : 's'}`
}

function titleLine({ title, year, style }: Pick<RoundView, 'title' | 'year' | 'style'>): string {
  const details = [year, style].filter((detail) => detail !== '').map(text)
  return [`**${text(title)}**`, ...details].join(' · ')
}

/** Hints contain underscores, which are Markdown. A code block shows them literally. */
function hintBlock(hint: string): string {
  return `\`\`\`\n${oneLine(hint.replaceAll('`', '’'), 2 * MAX_TEXT_LENGTH)}\n\`\`\``
}

function aboutArtwork(artwork: Artwork): string {
  return `${titleLine({ ...artwork, style: '' })} is by **${text(artwork.artist)}**.`
}

export function roundReply({ round, isNew }: { round: RoundView; isNew: boolean }): string {
  return [
    `Round ${round.round}${isNew ? '' : ' continues'}`,
    titleLine(round),
    ...(round.hint === undefined ? [] : [hintBlock(round.hint)]),
    'Who made it? Answer with `/guess`.',
  ].join('\n')
}

export function guessReply(username: string, guess: string, result: GuessResult): string {
  if (result.kind === 'no-round') return NO_ROUND
  const said = `${named(username)} says “${text(guess)}”`
  if (result.kind !== 'right') return `${said}: ${result.kind === 'close' ? 'very close, but no.' : 'no.'}`
  const { points, player, artwork } = result
  const streak = player.streak > 1 ? `, ${player.streak} in a row` : ''
  return [
    `${said}: **yes!** ${counted(points, 'point')}${streak}, ${player.score} in total.`,
    aboutArtwork(artwork),
    'Continue with `/round`.',
  ].join('\n')
}

export function hintReply(result: HintResult): string {
  if (result.kind === 'no-round') return NO_ROUND
  const { hint = '', hints } = result.round
  const said = result.kind === 'no-more' ? 'There are no more hints. The last one was:' : `Hint ${hints}:`
  return `${said}\n${hintBlock(hint)}`
}

export function skipReply(result: SkipResult): string {
  if (result.kind === 'no-round') return NO_ROUND
  return `Nobody knew: ${aboutArtwork(result.artwork)}\nContinue with \`/round\`.`
}

export function leaderboardReply(players: readonly Player[]): string {
  if (players.length === 0) return 'Nobody has played yet. Start with `/round`.'
  const rows = players.map(({ username, score, wins, games, streak, bestStreak }, index) => {
    const numbers = [counted(score, 'point'), `${counted(wins, 'win')} in ${counted(games, 'game')}`]
    return `${index + 1}. ${named(username)}: ${numbers.join(', ')}, streak ${streak} (best ${bestStreak})`
  })
  return ['**Leaderboard**', ...rows].join('\n')
}
