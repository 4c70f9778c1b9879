import { appendFileSync, cpSync, existsSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect } from 'vitest'
import { openStore, type Recovery, type Store, type StoreOptions } from '../support/core.js'

/** Makes stores, damages their files, and opens them again. */

export const logsOf = (dir: string) => join(dir, 'logs')
export const logOf = (dir: string) => join(dir, 'logs', 'store.log')
export const unfinishedOf = (dir: string) => join(dir, 'logs', 'store.log.new')
export const markOf = (dir: string) => join(dir, 'logs', 'store.mark')

export function open(dir: string, options: StoreOptions = {}): Promise<Store> {
  return openStore({ dir, mainFile: false, compaction: false, ...options })
}

export function stateOf(store: Store): Record<string, unknown> {
  return Object.fromEntries(store.entries())
}

/** A store that was closed cleanly: its mark names its last record. */
export async function closed(dir: string, write: (store: Store) => Promise<unknown>): Promise<string> {
  const store = await open(dir)
  await write(store)
  await store.close()
  return dir
}

/** The files of a killed process: the mark is that of the last close or checkpoint. */
export async function crashed(dir: string, write: (store: Store) => Promise<unknown>): Promise<string> {
  const store = await open(dir)
  await write(store)
  const image = copyOf(dir)
  await store.close()
  return image
}

/** Three records after the header, in lines 2 to 4. */
export const threeRecords = (dir: string) =>
  closed(dir, async (store) => {
    await store.set('a', 1)
    await store.set('b', { two: 'zwei' })
    await store.set('c', [3])
  })
export const THREE = { a: 1, b: { two: 'zwei' }, c: [3] }

/** Two backups that end with records 1 and 3; the log ends with record 4. */
export const twoBackups = (dir: string) =>
  closed(dir, async (store) => {
    await store.set('a', 1)
    await store.compact()
    await store.set('b', 2)
    await store.delete('a')
    await store.compact()
    await store.set('c', 3)
  })

/** A directory with only the log and its mark. */
export const noBackups = (dir: string) => closed(dir, (store) => store.set('a', 1))

let copies = 0

/** A copy of the files, inside the directory, so that both are removed together. */
export function copyOf(dir: string): string {
  const image = join(dir, `copy-${++copies}`)
  cpSync(join(dir, 'logs'), join(image, 'logs'), { recursive: true, filter: (source) => !isOfLock(source) })
  for (const name of readdirSync(dir))
    if (statSync(join(dir, name)).isFile()) cpSync(join(dir, name), join(image, name))
  return image
}

function isOfLock(path: string): boolean {
  return path.endsWith('.sock') || /\.lock($|\.)/.test(path)
}

/** Every file except the lock, with its bytes, to check that nothing has changed. */
export function filesOf(dir: string): Record<string, string> {
  const files: Record<string, string> = {}
  for (const name of readdirSync(dir, { recursive: true }) as string[]) {
    if (isOfLock(name) || name.startsWith('copy-')) continue
    const path = join(dir, name)
    files[name] = existsSync(path) && statSync(path).isFile() ? readFileSync(path, 'base64') : 'no file'
  }
  return files
}

/** The names in the log directory that begin with `start`. */
export function named(dir: string, start: string): string[] {
  return readdirSync(logsOf(dir))
    .filter((name) => name.startsWith(start))
    .sort()
}

export const backupsOf = (dir: string) => named(dir, 'store.log.backup.')
export const quarantinesOf = (dir: string) => named(dir, 'store.log.quarantine.')
export const damagedOf = (dir: string) => named(dir, 'store.log.damaged.')

export function bytesOf(dir: string, name: string): Buffer {
  return readFileSync(join(logsOf(dir), name))
}

export function linesOf(dir: string, name = 'store.log'): string[] {
  return bytesOf(dir, name).toString('utf8').split('\n').slice(0, -1)
}

export function writeLines(dir: string, lines: readonly string[], name = 'store.log'): void {
  writeFileSync(join(logsOf(dir), name), lines.map((line) => `${line}\n`).join(''))
}

/** Replaces a line by others; the first line is 1. */
export function replaceLine(dir: string, number: number, ...instead: string[]): void {
  const lines = linesOf(dir)
  lines.splice(number - 1, 1, ...instead)
  writeLines(dir, lines)
}

/** Changes one character in the middle of a line. */
export function spoilLine(dir: string, number: number, name = 'store.log'): void {
  const lines = linesOf(dir, name)
  const line = lines[number - 1] as string
  const at = line.indexOf('"op"') + 4
  lines[number - 1] = `${line.slice(0, at)};${line.slice(at + 1)}`
  writeLines(dir, lines, name)
}

export function append(dir: string, bytes: Uint8Array | string): void {
  appendFileSync(logOf(dir), bytes)
}

export function removeFiles(dir: string, ...names: string[]): void {
  for (const name of names) rmSync(join(logsOf(dir), name))
}

/** The byte at which a line begins. */
export function offsetOf(dir: string, number: number): number {
  return linesOf(dir)
    .slice(0, number - 1)
    .reduce((sum, line) => sum + Buffer.byteLength(line) + 1, 0)
}

export interface Outcome {
  state: Record<string, unknown>
  recovery: Recovery
}

/** Opens and closes again. */
export async function look(dir: string, options: StoreOptions = {}): Promise<Outcome> {
  const store = await open(dir, options)
  try {
    return { state: stateOf(store), recovery: store.recovery }
  } finally {
    await store.close()
  }
}

/**
 * Opens the store. After a crash at that moment, and after a clean close, the next opening must find the same state,
 * have nothing more to repair, and keep later writes.
 */
export async function recover(dir: string): Promise<Outcome> {
  const store = await open(dir)
  const outcome = { state: stateOf(store), recovery: store.recovery }
  const crashedAgain = copyOf(dir)
  await store.close()
  expect((await look(crashedAgain)).state).toEqual(outcome.state)

  const second = await open(dir)
  expect(stateOf(second)).toEqual(outcome.state)
  expect(second.recovery).toMatchObject({ clean: true, damage: [], inDoubt: [], cutBytes: 0 })
  await second.set('written later', 1)
  await second.close()
  const third = await look(dir)
  expect(third.state).toEqual({ ...outcome.state, 'written later': 1 })
  expect(third.recovery.clean).toBe(true)
  return outcome
}

/** Expects that opening is refused with that code, and that no file has changed. */
export async function refuses(dir: string, code: string, options: StoreOptions = {}): Promise<void> {
  const before = filesOf(dir)
  await expect(open(dir, options)).rejects.toMatchObject({
    name: 'FlatlogError',
    code,
    message: expect.stringContaining('What to do'),
  })
  expect(filesOf(dir)).toEqual(before)
}
