// A data directory of its own for every test, which is what the bot's functions work on until the test is over.
import { cpSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach } from 'vitest'
import { closeStorage } from '../../src/services/storage.js'

let dir = ''

export function useDataDir(): { path: (...parts: string[]) => string; text: (...parts: string[]) => string } {
  beforeEach(() => {
    dir = mkdtempSync(join(tmpdir(), 'nta-test-'))
    process.env.NTA_DATA_DIR = dir
  })
  afterEach(async () => {
    await closeStorage()
    delete process.env.NTA_DATA_DIR
    rmSync(dir, { recursive: true, force: true })
  })
  const path = (...parts: string[]) => join(dir, ...parts)
  return { path, text: (...parts) => readFileSync(path(...parts), 'utf8') }
}

/** The lines of a log file. */
export function linesOf(text: string): string[] {
  return text.split('\n').filter((line) => line !== '')
}

/** Puts a data directory of the original bot where the bot will look. */
export function installFixture(name: string, to: string): void {
  cpSync(fileURLToPath(new URL(`../fixtures/${name}/`, import.meta.url)), to, { recursive: true })
}
