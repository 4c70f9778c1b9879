import { createStorage as createStorage1, type Storage } from 'unstorage'
import { createStorage as createStorage2 } from 'unstorage2'
import { afterEach } from 'vitest'
import { type LogLine, logRecords } from '../../../test-support/logs.js'
import { type FlatlogDriver, type FlatlogDriverOptions, flatlogDriver } from '../src/index.js'

export { advanceClock, tempDir } from '../../../test-support/logs.js'

export interface Major {
  readonly major: 1 | 2
  /**
   * Creates a storage of this version.
   * Both versions have nearly the same types, so the tests use those of version 1 for both.
   */
  make(driver: FlatlogDriver): Storage
}

export const majors: Major[] = [
  { major: 1, make: (driver) => createStorage1({ driver }) },
  { major: 2, make: (driver) => createStorage2({ driver }) as unknown as Storage },
]

const opened: FlatlogDriver[] = []

afterEach(async () => {
  await Promise.allSettled(opened.splice(0).map((driver) => driver.dispose()))
})

/** Creates a driver that is disposed of after the test. */
export function makeDriver(options: FlatlogDriverOptions): FlatlogDriver {
  const driver = flatlogDriver(options)
  opened.push(driver)
  return driver
}

/** The records of the log on disk, without its checkpoint. */
export function records(dir: string, name = 'unstorage'): LogLine[] {
  return logRecords(dir, name)
}

export function last(dir: string): LogLine {
  return records(dir).at(-1) as LogLine
}
