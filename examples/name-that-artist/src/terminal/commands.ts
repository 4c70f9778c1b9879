// Parses the lines that a player types.

export type Command =
  | { name: 'guess'; text: string; as?: string }
  | { name: 'as' | 'channel'; argument: string }
  | { name: 'leaderboard' | 'skip' | 'hint' | 'log' | 'compact' | 'quit' | 'help' | 'nothing' }
  | { name: 'unknown'; text: string }

const WITHOUT_ARGUMENT = ['leaderboard', 'skip', 'hint', 'log', 'compact', 'quit', 'help'] as const

export const HELP = [
  'Type the name of the artist; the last name is enough.',
  '  name: guess      guess once as another player',
  '  /as NAME         change the player',
  '  /hint            get a hint, for fewer points',
  '  /skip            give up this picture and show the next',
  '  /leaderboard     show the best players',
  '  /channel NAME    switch to the game of another channel',
  '  /log             show the last lines of the logs',
  '  /compact         compact all logs now',
  '  /quit            quit; the game continues next time',
]

export function parseLine(line: string): Command {
  const text = line.trim()
  if (text === '') return { name: 'nothing' }
  if (text.startsWith('/')) {
    const [word = '', ...rest] = text.slice(1).split(/\s+/)
    const argument = rest.join(' ')
    const name = WITHOUT_ARGUMENT.find((each) => each === word.toLowerCase())
    if (name) return { name }
    if (word.toLowerCase() === 'as' || word.toLowerCase() === 'channel') {
      return { name: word.toLowerCase() as 'as' | 'channel', argument }
    }
    return { name: 'unknown', text: word }
  }
  const [, as, guess] = /^([^:]{1,40}):\s*(.+)$/.exec(text) ?? []
  return as !== undefined && guess !== undefined
    ? { name: 'guess', text: guess, as: as.trim() }
    : { name: 'guess', text }
}

/** True if a name has a letter or a digit and fits on a line. */
export function isName(name: string): boolean {
  return name.length <= 40 && /[\p{L}\p{N}]/u.test(name)
}

export function isChannel(name: string): boolean {
  return /^[\p{L}\p{N}][\p{L}\p{N}_-]{0,63}$/u.test(name)
}
