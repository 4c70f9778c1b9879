import { Keyv as Keyv5 } from 'keyv'
import { Keyv as Keyv6 } from 'keyv6'
import { afterEach } from 'vitest'
import { type LogLine, logRecords, logText } from '../../../test-support/logs.js'
import { KeyvFlatlog, type KeyvFlatlogOptions, type Protocol } from '../src/index.js'

export { advanceClock, tempDir } from '../../../test-support/logs.js'

/** The members of a Keyv of either major version that the tests use. */
export interface AnyKeyv {
  namespace: string | undefined
  get(key: string | string[]): Promise<unknown>
  getMany(keys: string[]): Promise<unknown[]>
  getRaw(key: string): Promise<unknown>
  set(key: string, value: unknown, ttlMs?: number): Promise<boolean>
  setMany(entries: { key: string; value: unknown; ttl?: number }[]): Promise<unknown>
  has(key: string): Promise<boolean>
  hasMany(keys: string[]): Promise<boolean[]>
  delete(key: string | string[]): Promise<unknown>
  deleteMany(keys: string[]): Promise<unknown>
  clear(): Promise<void>
  disconnect(): Promise<void>
  iterator(): AsyncIterable<[string, unknown]>
  on(event: string, listener: (error: unknown) => void): unknown
}

export interface Major {
  readonly major: Protocol
  make(store: KeyvFlatlog, options?: Record<string, unknown>): AnyKeyv
}

export const keyv5: Major = {
  major: 5,
  make: (store, options = {}) => new Keyv5({ ...options, store }) as unknown as AnyKeyv,
}
export const keyv6: Major = {
  major: 6,
  make: (store, options = {}) => new Keyv6({ ...options, store }) as unknown as AnyKeyv,
}
export const majors = [keyv5, keyv6]

/** The options that make a Keyv of this version store objects without serializing them. */
export function withoutSerialization(major: Protocol): Record<string, unknown> {
  return major === 5 ? { serialize: undefined, deserialize: undefined } : { serialization: false }
}

const opened: KeyvFlatlog[] = []

afterEach(async () => {
  await Promise.allSettled(opened.splice(0).map((store) => store.disconnect()))
})

/** Creates a store that is disconnected after the test. */
export function makeStore(options: KeyvFlatlogOptions | string): KeyvFlatlog {
  const store = new KeyvFlatlog(options)
  opened.push(store)
  return store
}

/** The text of the log on disk. */
export function text(dir: string, name = 'keyv'): string {
  return logText(dir, name)
}

/** The records of the log on disk, without its checkpoint. */
export function records(dir: string, name = 'keyv'): LogLine[] {
  return logRecords(dir, name)
}

export function last(dir: string, name = 'keyv'): LogLine {
  return records(dir, name).at(-1) as LogLine
}

/** All keys and values that the iterator returns. */
export async function all(keyv: AnyKeyv): Promise<[string, unknown][]> {
  const found: [string, unknown][] = []
  for await (const [key, value] of keyv.iterator()) found.push([key, value])
  return found
}

/** A small random number generator that returns the same numbers for the same seed. */
export function random(seed: number): (below: number) => number {
  let state = seed >>> 0
  return (below) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return Math.floor((state / 2 ** 32) * below)
  }
}
