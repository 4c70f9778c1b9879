import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Keyv as Keyv5 } from 'keyv'
import { Keyv as Keyv6 } from 'keyv6'
import { afterEach } from 'vitest'
import { KeyvFlatlog, type KeyvFlatlogOptions, type Protocol } from '../src/index.js'

/** What the tests use of a Keyv of either major version. */
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

const dirs: string[] = []
const opened: KeyvFlatlog[] = []

export function tempDir(): string {
  const dir = mkdtempSync(join(tmpdir(), 'flatlog-keyv-'))
  dirs.push(dir)
  return dir
}

/** A store that the end of the test disconnects. */
export function makeStore(options: KeyvFlatlogOptions | string): KeyvFlatlog {
  const store = new KeyvFlatlog(options)
  opened.push(store)
  return store
}

afterEach(async () => {
  await Promise.allSettled(opened.splice(0).map((store) => store.disconnect()))
  for (const dir of dirs.splice(0)) rmSync(dir, { recursive: true, force: true })
})

export interface Line {
  op: string
  key?: string
  prefix?: string
  value?: unknown
  expires?: number
  encoding?: string
  ops?: Line[]
}

/** The records of the log as they stand on disk, without the header that a new log begins with. */
export function records(dir: string, name = 'keyv'): Line[] {
  return text(dir, name)
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as Line)
    .filter((line) => line.op !== 'CHECKPOINT')
}

export function text(dir: string, name = 'keyv'): string {
  return readFileSync(join(dir, 'logs', `${name}.log`), 'utf8')
}

export function last(dir: string, name = 'keyv'): Line {
  return records(dir, name).at(-1) as Line
}

export async function all(keyv: AnyKeyv): Promise<[string, unknown][]> {
  const found: [string, unknown][] = []
  for await (const [key, value] of keyv.iterator()) found.push([key, value])
  return found
}

/** A small generator of numbers that gives the same ones for the same seed. */
export function random(seed: number): (below: number) => number {
  let state = seed >>> 0
  return (below) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return Math.floor((state / 2 ** 32) * below)
  }
}
