import { MapIndex } from '../index/map-index.js'
import type { OriginalState } from './original-state.js'

/** The state of an installation of the original system in memory, for whoever only reads. */
export async function indexOfOriginal(original: OriginalState): Promise<MapIndex> {
  try {
    const index = new MapIndex()
    for await (const [key, value] of original.pairs()) {
      const inMemory =
        'pieces' in value
          ? { text: Buffer.concat([...value.pieces()]).toString('utf8'), expires: undefined, time: value.time }
          : value
      index.addCheckpointed(key, { ...inMemory, seq: 0 })
    }
    return index
  } finally {
    original.dispose()
  }
}
