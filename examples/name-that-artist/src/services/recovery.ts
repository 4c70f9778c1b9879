// What was found when the stores were opened, in sentences for whoever runs the bot.
import type { StoreReport } from './stores.js'

const SOURCES: Record<StoreReport['recovery']['source'], string> = {
  new: 'newly made',
  log: 'read from its log',
  'older-log': 'taken over from a log of the original system',
  'main-file': 'taken over from the JSON file of the original system',
  backup: 'read from a backup',
  'unfinished-generation': 'read from a log that had not got its name yet',
}

function plural(count: number, word: string): string {
  return `${count} ${word}${count === 1 ? '' : 's'}`
}

export function recoverySentences({ name, size, recovery }: StoreReport): string[] {
  const { clean, source, damage, inDoubt, notes } = recovery
  const sentences = [`${name}: ${plural(size, 'record')}, ${SOURCES[source]}${clean ? '; nothing to repair' : ''}.`]
  const places = damage.map(({ file, line, healedFrom }) => `${file} line ${line}${healedFrom ? ' (healed)' : ''}`)
  if (places.length > 0) sentences.push(`Damage was found in ${places.join(', ')}.`)
  sentences.push(...notes)
  if (inDoubt.length > 0) {
    const keys = inDoubt.map((key) => (key === 'any' ? 'some that nobody can name' : key))
    sentences.push(`A change of these records may have been lost: ${keys.join(', ')}.`)
  }
  return sentences
}
