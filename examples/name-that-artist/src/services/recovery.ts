// Describes in sentences what opening the stores found, for the person who runs the bot.
import type { StoreReport } from './stores.js'

const SOURCES: Record<StoreReport['recovery']['source'], string> = {
  new: 'newly created',
  log: 'read from its log',
  'older-log': 'imported from a log of format 0',
  'main-file': 'imported from a JSON file',
  backup: 'read from a backup',
  'unfinished-generation': 'read from a compacted log that had not been renamed yet',
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
    const keys = inDoubt.map((key) => (key === 'any' ? 'some whose keys are unknown' : key))
    sentences.push(`Changes of these records may have been lost: ${keys.join(', ')}.`)
  }
  return sentences
}
