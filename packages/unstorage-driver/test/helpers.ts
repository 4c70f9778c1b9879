import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createStorage as createStorage1, type Storage } from 'unstorage'
import { createStorage as createStorage2 } from 'unstorage2'
import { afterEach } from 'vitest'
import { type FlatlogDriver, type FlatlogDriverOptions, flatlogDriver } from '../src/index.js'

export interface Major {
  readonly major: 1 | 2
  /** The methods that both majors have are typed alike, so the tests use the older types for both. */
  make(driver: FlatlogDriver): Storage
}

export const majors: Major[] = [
  { major: 1, make: (driver) => createStorage1({ driver }) },
  { major: 2, make: (driver) => createStorage2({ driver }) as unknown as Storage },
]

const dirs: string[] = []
const opened: FlatlogDriver[] = []

export function tempDir(): string {
  const dir = mkdtempSync(join(tmpdir(), 'flatlog-unstorage-'))
  dirs.push(dir)
  return dir
}

/** A driver that the end of the test disposes of. */
export function makeDriver(options: FlatlogDriverOptions): FlatlogDriver {
  const driver = flatlogDriver(options)
  opened.push(driver)
  return driver
}

afterEach(async () => {
  await Promise.allSettled(opened.splice(0).map((driver) => driver.dispose()))
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
export function records(dir: string, name = 'unstorage'): Line[] {
  return readFileSync(join(dir, 'logs', `${name}.log`), 'utf8')
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as Line)
    .filter((line) => line.op !== 'CHECKPOINT')
}

export function last(dir: string): Line {
  return records(dir).at(-1) as Line
}
