/** Temporary directories, log lines and the clock, for tests of adapters and examples. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, vi } from 'vitest'

const dirs: string[] = []

afterEach(() => {
  vi.useRealTimers()
  for (const dir of dirs.splice(0)) rmSync(dir, { recursive: true, force: true })
})

/** Creates a directory that is removed after the test. */
export function tempDir(): string {
  const dir = mkdtempSync(join(tmpdir(), 'flatlog-test-'))
  dirs.push(dir)
  return dir
}

/** The fields of a log line that the tests check. */
export interface LogLine {
  op: string
  key?: string
  prefix?: string
  value?: unknown
  expires?: number
  encoding?: string
  ops?: LogLine[]
}

export function logText(dir: string, name: string): string {
  return readFileSync(join(dir, 'logs', `${name}.log`), 'utf8')
}

/** The records of a log on disk, without its checkpoint. */
export function logRecords(dir: string, name: string): LogLine[] {
  return logText(dir, name)
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as LogLine)
    .filter((line) => line.op !== 'CHECKPOINT')
}

/** Replaces the parts of a line that differ from run to run. */
export function withoutTimes(line: string): string {
  return line.replace(/"(timestamp|crc)":"[^"]*"/g, '"$1":"…"').replace(/"expires":\d+/, '"expires":0')
}

/** Moves the clock forward until the end of the test, without waiting. Timers stay real. */
export function advanceClock(ms: number): void {
  vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + ms })
}
