import type { Recovery, Store, Verification } from '../support/core.js'
import type { State } from './author.js'
import type { MemoryDisk } from './memory-disk.js'
import { openAgain, stateOf } from './opening.js'
import type { Subject } from './subjects.js'

/** The result of opening a store, verifying it and closing it. */
export interface Outcome {
  /** The error of opening or verifying. */
  readonly error: unknown
  readonly state: State
  readonly recovery: Recovery
  readonly verified: Verification
}

const NOTHING: Omit<Outcome, 'error'> = {
  state: new Map(),
  recovery: { clean: true, source: 'log', cutBytes: 0, damage: [], inDoubt: [], notes: [] },
  verified: { ok: true, damage: [], records: 0, parts: 0, bytes: 0 },
}

export async function openAndVerify(disk: MemoryDisk, subject: Subject): Promise<Outcome> {
  let store: Store | undefined
  try {
    store = await openAgain(disk, subject.options)
    const { recovery } = store
    return { error: undefined, state: stateOf(store), recovery, verified: await store.verify() }
  } catch (error) {
    return { ...NOTHING, error }
  } finally {
    await store?.close()
  }
}

/** The keys whose values differ. */
export function differences(expected: State, found: State): string[] {
  const keys = new Set([...expected.keys(), ...found.keys()])
  return [...keys].filter((key) => expected.get(key) !== found.get(key))
}
