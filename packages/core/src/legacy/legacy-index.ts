import type { PartValue } from '../format/record.js'
import { State } from '../state/state.js'
import type { OriginalState } from './legacy-state.js'

/** The state of an installation of the original system in memory, for whoever only reads. */
export async function indexOfOriginal(original: OriginalState): Promise<State> {
  try {
    const pairs: PartValue[] = []
    for await (const [key, value] of original.pairs()) {
      const { time } = value
      const text = 'pieces' in value ? Buffer.concat([...value.pieces()]).toString('utf8') : value.text
      pairs.push({ key, value: { text }, time })
    }
    return State.inMemory(pairs)
  } finally {
    original.dispose()
  }
}
