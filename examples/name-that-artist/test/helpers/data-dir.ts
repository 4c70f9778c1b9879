// Gives every test a new data directory for the bot's functions.
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

/** Splits the text of a log into its lines. */
export function linesOf(text: string): string[] {
  return text.split('\n').filter((line) => line !== '')
}

/** Copies a fixture into a data directory. */
export function installFixture(name: string, to: string): void {
  cpSync(fileURLToPath(new URL(`../fixtures/${name}/`, import.meta.url)), to, { recursive: true })
}
