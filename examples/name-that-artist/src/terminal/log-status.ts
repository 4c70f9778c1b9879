// Prints the status of the logs, for the command line.
import { getLogSize, needsCompaction, readLogEntries } from '../services/append-log.js'
import { compactionSettings, dataDir, STORE_NAMES } from '../services/config.js'
import { padEnd, padStart } from './layout.js'

function row(...cells: [string, string, string, string]): string {
  const [name, ...rest] = cells
  return padEnd(name, 14) + rest.map((cell) => padStart(cell, 18)).join('')
}

/** Lists the size of each log, its number of entries, and whether it should be compacted. The bot may be running. */
export async function statusLines(): Promise<string[]> {
  const { minBytes } = compactionSettings()
  const lines = [`Data: ${dataDir()}`, row('log', 'bytes', 'entries', 'needs compaction')]
  for (const name of STORE_NAMES) {
    const bytes = await getLogSize(name)
    const entries = bytes === 0 ? [] : await readLogEntries(name)
    const needed = (await needsCompaction(name, minBytes)) ? 'yes' : 'no'
    lines.push(row(name, String(bytes), String(entries.length), needed))
  }
  return lines
}
