import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test, vi } from 'vitest'
import { FlatlogError, type Store, type StoreOptions } from '../support/core.js'
import { FaultyFileSystem, systemError } from '../support/faulty-file-system.js'
import { fileNames, logPath, stateOf } from '../support/files.js'
import { machine, openOn } from '../support/machine.js'
import { useRejectionWatch } from '../support/rejections.js'
import { untilSo } from '../support/small-disk.js'
import { useTempDirectory } from '../support/temp-directory.js'

/** Damage in unread parts of a checkpoint, and in records whose texts are not in memory. */

vi.mock(import('../../src/platform/limits.js'), async (original) => ({
  ...(await original()),
  PART_BYTES: 1024,
  OPEN_WHOLE_BYTES: 0,
  OPEN_CHECKED_BYTES: 0,
}))

const directory = useTempDirectory()
useRejectionWatch()

const KEYS = Array.from({ length: 40 }, (_, number) => `k${String(number).padStart(2, '0')}`)
const corrupt = { name: 'FlatlogError', code: 'FLATLOG_CORRUPT' }
const options = { mainFile: false, cacheBytes: 0, compaction: false } as const

/** A closed store that was compacted twice: a backup has the values of the checkpoint. */
async function made(dir: string, more: StoreOptions = {}): Promise<Record<string, unknown>> {
  const store = await openOn(machine(), { dir, ...options, ...more })
  await store.batch(KEYS.map((key) => ({ op: 'SET', key, value: `${key} ${'x'.repeat(300)}` })))
  await store.compact()
  await store.set('k05', 'changed')
  await store.compact()
  const state = stateOf(store)
  await store.close()
  return state
}

const linesOf = (dir: string) => readFileSync(logPath(dir), 'latin1').split('\n')

/** The number of the line with the part that has the key; the first line is 1. */
function lineOf(dir: string, key: string): number {
  return linesOf(dir).findIndex((line) => line.includes('"part":true') && line.includes(`"${key}":`)) + 1
}

/** Flips a bit where the text first occurs in the log. */
function spoil(dir: string, text: string): void {
  const bytes = readFileSync(logPath(dir))
  const at = bytes.indexOf(text)
  expect(at).toBeGreaterThan(0)
  bytes[at] = (bytes[at] as number) ^ 1
  writeFileSync(logPath(dir), bytes)
}

function keysIn(dir: string, line: number): string[] {
  const text = linesOf(dir)[line - 1] as string
  return KEYS.filter((key) => text.includes(`"${key}":`))
}

const isHealed = (store: Store) => store.recovery.damage.some(({ healedFrom }) => healedFrom !== undefined)
const isReported = (store: Store) => store.recovery.damage.length > 0

function expectOthers(store: Store, state: Record<string, unknown>, gone: readonly string[]): void {
  for (const key of KEYS) if (!gone.includes(key)) expect(store.get(key), key).toEqual(state[key])
}

describe('a damaged part of the checkpoint', () => {
  test('is found when it is read, affects no other part, and is healed from a backup and rewritten', async () => {
    const dir = directory()
    const state = await made(dir)
    const line = lineOf(dir, 'k10')
    const gone = keysIn(dir, line)
    expect(gone.length).toBeGreaterThan(1)
    spoil(dir, 'k10 x')
    await using store = await openOn(machine(), { dir, ...options })
    expect(store.recovery.clean).toBe(true)
    expectOthers(store, state, gone)
    expect(() => store.get('k10')).toThrow(expect.objectContaining(corrupt))
    for (const key of gone) {
      expect(() => store.has(key)).toThrow(expect.objectContaining(corrupt))
    }
    await untilSo(() => isHealed(store))
    expect(stateOf(store)).toEqual(state)
    expect(store.recovery).toMatchObject({ clean: false, inDoubt: [] })
    expect(store.recovery.damage).toMatchObject([
      { file: 'store.log', line, healedFrom: expect.stringMatching(/backup/) },
    ])
    await untilSo(() => store.stats().compactions === 1 && store.stats().compacting === false)
    // The bytes are kept, but a later healing does not use them.
    expect(fileNames(dir).filter((name) => name.includes('.log.damaged.'))).toHaveLength(1)
    expect(await store.verify()).toMatchObject({ ok: true })
    expect(stateOf(store)).toEqual(state)
    await store.close()
    await using again = await openOn(machine(), { dir, ...options })
    expect(again.recovery).toMatchObject({ clean: true, damage: [] })
    expect(stateOf(again)).toEqual(state)
  })

  test('that no backup has throws for its keys, is reported, and is repaired by the next open, which keeps its bytes', async () => {
    const dir = directory()
    const state = await made(dir, { backups: 0 })
    const line = lineOf(dir, 'k10')
    const gone = keysIn(dir, line)
    spoil(dir, 'k10 x')
    const damaged = readFileSync(logPath(dir))
    const store = await openOn(machine(), { dir, ...options, backups: 0 })
    expect(() => store.get('k10')).toThrow(expect.objectContaining(corrupt))
    await untilSo(() => isReported(store))
    expect(store.recovery).toMatchObject({ clean: false, damage: [{ file: 'store.log', line }] })
    expect(store.recovery.inDoubt).toEqual([gone[0], 'any'])
    for (const key of gone) expect(() => store.get(key)).toThrow(expect.objectContaining(corrupt))
    expect(() => [...store.keys()]).toThrow(expect.objectContaining(corrupt))
    expectOthers(store, state, gone)
    await store.set('k30', 'written all the same')
    await expect(store.compact()).rejects.toMatchObject(corrupt)
    await store.set(gone[0] as string, 'anew')
    expect(store.get(gone[0] as string)).toBe('anew')
    const now = readFileSync(logPath(dir))
    expect(now.subarray(0, damaged.length).equals(damaged)).toBe(true)
    await store.close()

    await using next = await openOn(machine(), { dir, ...options, backups: 0 })
    expect(next.recovery.damage).toMatchObject([{ file: 'store.log', line }])
    expect(next.recovery.inDoubt).toContain('any')
    const wanted = Object.fromEntries(Object.entries(state).filter(([key]) => !gone.includes(key)))
    expect(stateOf(next)).toEqual({ ...wanted, k30: 'written all the same', [gone[0] as string]: 'anew' })
    expect(fileNames(dir).some((name) => name.includes('.log.damaged.'))).toBe(true)
    await next.close()
    await using last = await openOn(machine(), { dir, ...options, backups: 0 })
    expect(last.recovery).toMatchObject({ clean: true, damage: [] })
  })

  test('is found by verify, and healed afterwards', async () => {
    const dir = directory()
    const state = await made(dir)
    const line = lineOf(dir, 'k20')
    spoil(dir, 'k20 x')
    await using store = await openOn(machine(), { dir, ...options })
    expect(await store.verify()).toMatchObject({ ok: false, damage: [{ file: 'store.log', line }] })
    await untilSo(() => isHealed(store))
    expect(stateOf(store)).toEqual(state)
  })

  test('is found by a compaction, which checks every part that it copies', async () => {
    const dir = directory()
    const state = await made(dir)
    spoil(dir, 'k20 x')
    await using store = await openOn(machine(), { dir, ...options })
    await store.set('k00', 'new')
    await expect(store.compact()).rejects.toMatchObject(corrupt)
    await untilSo(() => isHealed(store))
    expect(stateOf(store)).toEqual({ ...state, k00: 'new' })
  })

  test("is refused at opening with recovery: 'strict'", async () => {
    const dir = directory()
    await made(dir)
    spoil(dir, 'k20 x')
    const before = readFileSync(logPath(dir))
    await expect(openOn(machine(), { dir, ...options, recovery: 'strict' })).rejects.toMatchObject(corrupt)
    expect(readFileSync(logPath(dir)).equals(before)).toBe(true)
  })

  test('is reported once as a problem of the store, and does not end the process', async () => {
    const dir = directory()
    await made(dir, { backups: 0 })
    spoil(dir, 'k20 x')
    await using store = await openOn(machine(), { dir, ...options, backups: 0 })
    const problems: FlatlogError[] = []
    store.on('problem', (error) => problems.push(error))
    for (let times = 0; times < 3; times++) expect(() => store.get('k20')).toThrow(FlatlogError)
    await untilSo(() => isReported(store))
    expect(problems).toMatchObject([corrupt])
    expect(store.health().problems).toHaveLength(1)
  })
})

test('a record that was damaged after it was written throws only for its own key', async () => {
  const dir = directory()
  const state = await made(dir)
  await using store = await openOn(machine(), { dir, ...options })
  await store.set('k01', 'first words')
  await store.batch([
    { op: 'SET', key: 'k02', value: 'second words' },
    { op: 'SET', key: 'k03', value: 'third words' },
  ])
  spoil(dir, 'second words')
  expect(() => store.get('k02')).toThrow(expect.objectContaining(corrupt))
  expect(store.get('k01')).toBe('first words')
  expect(store.get('k03')).toBe('third words')
  expectOthers(store, state, ['k01', 'k02', 'k03'])
  await store.set('k02', 'again')
  expect(store.get('k02')).toBe('again')
})

describe('a damaged part that nobody has read, in a log that must be written again', () => {
  /** Spoils a part and leaves the log in a state that the next opening must copy to a new file. */
  async function failed(dir: string): Promise<void> {
    const fileSystem = new FaultyFileSystem()
    const store = await openOn(machine({ fileSystem }), { dir, ...options })
    spoil(dir, '"k10":')
    fileSystem.fail('sync', systemError('EIO'), { on: /store\.log/ })
    await expect(store.set('new', 1)).rejects.toMatchObject({ code: 'FLATLOG_FAILED' })
    fileSystem.heal()
    await store.close()
  }

  test.each([
    ['healed from a backup after a failed sync', 3],
    ['reported after a failed sync, if there is no backup', 0],
  ])('is %s', async (_what, backups) => {
    const dir = directory()
    const state = await made(dir, { backups })
    const gone = backups ? [] : keysIn(dir, lineOf(dir, 'k10'))
    await failed(dir)
    const store = await openOn(machine(), { dir, ...options, backups })
    expect(isReported(store)).toBe(true)
    expect(isHealed(store)).toBe(backups > 0)
    expectOthers(store, state, gone)
    expect(store.has('k10')).toBe(backups > 0)
    await store.close()
    await using again = await openOn(machine(), { dir, ...options, backups })
    expect(again.recovery.clean).toBe(true)
    expectOthers(again, state, gone)
  })

  test('is healed if a record after the checkpoint is damaged as well', async () => {
    const dir = directory()
    await made(dir)
    const store = await openOn(machine(), { dir, ...options })
    for (const key of ['one', 'two', 'three']) await store.set(key, key)
    const state = stateOf(store)
    await store.close()
    spoil(dir, '"k10":')
    spoil(dir, '"two"')
    await using repaired = await openOn(machine(), { dir, ...options })
    expectOthers(repaired, state, [])
    expect(repaired.get('three')).toBe('three')
    expect(repaired.recovery.inDoubt).toContain('any')
  })
})

describe('healed parts', () => {
  test('are written by compact() although nothing else has changed', async () => {
    const dir = directory()
    await made(dir)
    const fileSystem = new FaultyFileSystem()
    const store = await openOn(machine({ fileSystem }), { dir, ...options })
    spoil(dir, '"k10":')
    fileSystem.fail('open', systemError('EIO'), { on: /store\.log\.new$/, times: 99 })
    expect(() => store.get('k10')).toThrow(expect.objectContaining(corrupt))
    await untilSo(() => isHealed(store))
    await untilSo(() => store.stats().lastCompactionError !== undefined)
    fileSystem.heal()
    await store.compact()
    expect((await store.verify()).damage.filter(({ file }) => file === 'store.log')).toEqual([])
    await store.close()
    expect(readFileSync(join(dir, 'logs', 'store.mark'), 'utf8')).not.toContain('isToBeChecked')
  })

  test('that no compaction has written make the mark ask for a whole reading', async () => {
    const dir = directory()
    const state = await made(dir)
    const fileSystem = new FaultyFileSystem()
    const store = await openOn(machine({ fileSystem }), { dir, ...options })
    spoil(dir, '"k10":')
    fileSystem.fail('open', systemError('EIO'), { on: /store\.log\.new$/, times: 99 })
    expect(() => store.get('k10')).toThrow(expect.objectContaining(corrupt))
    await untilSo(() => isHealed(store))
    await untilSo(() => store.stats().lastCompactionError !== undefined)
    await store.set('k11', 'changed')
    await store.close()
    expect(readFileSync(join(dir, 'logs', 'store.mark'), 'utf8')).toContain('"isToBeChecked":true')
    await using again = await openOn(machine(), { dir, ...options })
    expect(stateOf(again)).toEqual({ ...state, k11: 'changed' })
    expect(isHealed(again)).toBe(true)
  })

  test('are not looked for in a log that has been compacted since', async () => {
    const dir = directory()
    await made(dir)
    const store = await openOn(machine(), { dir, ...options })
    spoil(dir, '"k10":')
    spoil(dir, '"k30":')
    for (const key of ['k10', 'k30']) expect(() => store.get(key)).toThrow(expect.objectContaining(corrupt))
    await store.clear()
    await store.set('fresh', 1)
    await store.compact()
    const { recovery } = store
    await store.close()
    expect(recovery.inDoubt).toEqual([])
    expect(readFileSync(join(dir, 'logs', 'store.mark'), 'utf8')).not.toContain('isToBeChecked')
    await using again = await openOn(machine(), { dir, ...options })
    expect(again.recovery.clean).toBe(true)
    expect(stateOf(again)).toEqual({ fresh: 1 })
  })
})
