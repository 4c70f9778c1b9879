// The game's results as lines of text.
import type { Artwork } from '../game/artwork.js'
import type { Player } from '../game/player.js'
import type { GuessResult, HintResult, RoundView, SkipResult } from '../game/views.js'
import { box, cut, type Display, padEnd, padStart, plain, styled, wrap } from './layout.js'

export function roundCard(display: Display, round: RoundView): string[] {
  const details = [round.year, round.style].filter((detail) => detail !== '').join(' · ')
  return box(display, [
    { text: `Round ${round.round}`, style: 'dim' },
    { text: round.title, style: 'bold' },
    ...(details === '' ? [] : [{ text: details }]),
    ...(round.hint === undefined ? [] : [{ text: `Hint: ${round.hint}`, style: 'yellow' as const }]),
    { text: 'Who made it?', style: 'cyan' },
  ])
}

function aboutArtwork({ title, artist, year }: Artwork): string {
  return `"${title}"${year === '' ? '' : ` (${year})`} is by ${artist}.`
}

export function guessLines(display: Display, username: string, result: GuessResult): string[] {
  const name = plain(username)
  if (result.kind === 'no-round') return ['There is no open round.']
  if (result.kind === 'right') {
    const { points, player, artwork } = result
    const streak = player.streak > 1 ? `, ${player.streak} in a row` : ''
    return [
      styled(display, 'green', `Yes! ${name} gets ${points} points${streak} and now has ${player.score}.`),
      ...wrap(aboutArtwork(artwork), display.width),
    ]
  }
  const isClose = result.kind === 'close'
  return [styled(display, isClose ? 'yellow' : 'red', isClose ? `Very close, ${name}, but no.` : `No, ${name}.`)]
}

export function hintLines(display: Display, result: HintResult): string[] {
  if (result.kind === 'no-round') return ['There is no open round.']
  const lines = wrap(`Hint ${result.round.hints}: ${result.round.hint ?? ''}`, display.width)
  if (result.kind === 'no-more') lines.unshift('There are no more hints. The last one was:')
  return lines.map((line) => styled(display, 'yellow', line))
}

export function skipLines(display: Display, result: SkipResult): string[] {
  if (result.kind === 'no-round') return ['There is no open round.']
  return wrap(`Nobody knew: ${aboutArtwork(result.artwork)}`, display.width)
}

export function leaderboardLines(display: Display, players: readonly Player[]): string[] {
  if (players.length === 0) return ['Leaderboard: nobody has played yet.']
  const nameWidth = Math.max(8, Math.min(30, display.width - 48))
  const row = (place: string, name: string, numbers: readonly string[]) =>
    `${padStart(place, 4)}  ${padEnd(name, nameWidth)}${numbers.map((text) => padStart(text, 8)).join('')}`
  const head = row('', 'player', ['points', 'wins', 'games', 'streak', 'best'])
  const rows = players.map(({ username, score, wins, games, streak, bestStreak }, index) =>
    row(`${index + 1}.`, username, [score, wins, games, streak, bestStreak].map(String)),
  )
  return [styled(display, 'bold', 'Leaderboard'), styled(display, 'dim', head), ...rows].map((line) => line.trimEnd())
}

export function tailLines(display: Display, title: string, lines: readonly string[]): string[] {
  if (lines.length === 0) return [`${title}: there is no log yet.`]
  return [styled(display, 'bold', title), ...lines.map((line) => cut(line, display.width))]
}

export function compactionLines(done: readonly { name: string; bytesBefore: number; bytesAfter: number }[]): string[] {
  if (done.length === 0) return ['There is no log to compact.']
  return done.map(({ name, bytesBefore, bytesAfter }) => `${name}: ${bytesBefore} bytes before, ${bytesAfter} after.`)
}
