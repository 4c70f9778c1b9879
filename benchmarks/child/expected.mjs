/** The expected content of a store after a run, computed from the operations and not from the store. */
import { createHash } from 'node:crypto'
import { GROUPS, keyAt, loadedValue } from './data.mjs'

const ABSENT = -1

export class Expected {
  /** For each key the index of its value in the pool. */
  #values

  constructor(keyCount, isLoaded) {
    this.#values = new Int32Array(keyCount).fill(ABSENT)
    if (isLoaded) for (let index = 0; index < keyCount; index++) this.#values[index] = loadedValue(index)
  }

  write(keyIndex, value) {
    this.#values[keyIndex] = value
  }

  valueOf(keyIndex) {
    return this.#values[keyIndex]
  }

  digest(texts) {
    const entries = []
    // Go through the groups in key order, because sorting a sorted list is fast.
    for (let group = 0; group < GROUPS; group++) {
      for (let index = group; index < this.#values.length; index += GROUPS) {
        const value = this.#values[index]
        if (value !== ABSENT) entries.push([keyAt(index), texts[value]])
      }
    }
    return digestOf(entries)
  }
}

/** Computes a checksum over all keys and values, independent of their order. */
export function digestOf(entries) {
  const lines = entries.map(([key, text]) => `${key}\t${text}\n`).sort()
  const hash = createHash('sha256')
  // Update the hash in large pieces: a million small updates would take longer than the hashing itself.
  for (let from = 0; from < lines.length; from += 10_000) hash.update(lines.slice(from, from + 10_000).join(''))
  return { keys: lines.length, sha256: hash.digest('hex') }
}
