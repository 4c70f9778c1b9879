import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { append, copyOf, filesOf, linesOf, logOf, markOf, replaceLine } from '../recovery/installation.js'
import { Puppet, useChildren } from '../support/children.js'
import type { Store } from '../support/core.js'
import { FaultyFileSystem, systemError } from '../support/faulty-file-system.js'
import { namesAndSockets, stateOf } from '../support/files.js'
import { lockPath, lockRecord, readLock, writeLock } from '../support/locks.js'
import { machine, openOn } from '../support/machine.js'
import { ManualClock } from '../support/manual-clock.js'
import { useRejectionWatch } from '../support/rejections.js'
import { canMount, type SmallDisk, useSmallDisks } from '../support/small-disk.js'
import { useTempDirectory } from '../support/temp-directory.js'
import { allFilesOf, closed, LONG, lockAdvice, noSpace, PLACES, VALUES } from './places.js'

/** Opening a store on a disk that is full, or has too little space for a repair. */
const directory = useTempDirectory()
const smallDisk = useSmallDisks()
const childPath = useChildren('puppet')
const startPuppet = () => new Puppet(childPath('puppet'))
useRejectionWatch()

const BLOCK = 4096
const ALWAYS = { times: Number.POSITIVE_INFINITY }
const unfinishedIn = (dir: string) => namesAndSockets(dir).filter((name) => /\.(new|first|copy)$/.test(name))

function fillCompletely(disk: SmallDisk): void {
  disk.fill()
  expect(disk.freeBytes).toBe(0)
}

async function expectReadable(dir: string, state: Record<string, unknown>): Promise<void> {
  const fileSystem = new FaultyFileSystem()
  const reader = await openOn(machine({ fileSystem }), { dir, readOnly: true })
  expect(stateOf(reader)).toEqual(state)
  expect(reader.size).toBe(Object.keys(state).length)
  expect([...reader.keys({ prefix: 'a' })]).toEqual(['a'])
  await expect(reader.set('a', 1)).rejects.toMatchObject({ code: 'FLATLOG_READ_ONLY' })
  await reader.close()
  expect(fileSystem.openFiles.size).toBe(0)
}

describe.skipIf(!canMount).each(PLACES)('a store %s', (_, { make, needsRepair, hasNote, leftover, kept }) => {
  test('is refused on a full disk, stays as it is, and opens with all its data after space is freed', async () => {
    const disk = smallDisk()
    const dir = join(disk.path, 'data')
    const state = await make(dir, startPuppet)
    fillCompletely(disk)
    const before = allFilesOf(dir)
    for (let attempt = 0; attempt < 3; attempt++) {
      const refused = openOn(machine(), { dir, lockWaitMs: 0 })
      await expect(refused).rejects.toMatchObject({ ...noSpace, path: lockPath(dir) })
      await expect(refused).rejects.toThrow(lockAdvice)
      expect(allFilesOf(dir)).toEqual(before)
      await expectReadable(dir, state)
      expect(allFilesOf(dir)).toEqual(before)
    }
    const puppet = startPuppet()
    await expect(puppet.call('open', { dir, lockWaitMs: 0 })).rejects.toMatchObject({ code: noSpace.code })
    await puppet.killAndWait()
    expect(allFilesOf(dir)).toEqual(before)

    disk.giveBack()
    const store = await openOn(machine(), { dir, lockWaitMs: 0 })
    expect(stateOf(store)).toEqual(state)
    await store.set('long', LONG)
    expect(store.health()).toMatchObject({ ok: true, problems: [] })
    if (kept) expect(kept(dir)).toHaveLength(1)
    expect((await store.verify()).damage).toEqual([])
    await store.close()
    await using again = await openOn(machine(), { dir, lockWaitMs: 0 })
    expect(stateOf(again)).toEqual({ ...state, long: LONG })
    expect(again.recovery).toMatchObject({ clean: true, cutBytes: 0 })
    expect(unfinishedIn(dir)).toEqual([])
  })

  test('is refused, or opens with all its data, however little space there is', async () => {
    const disk = smallDisk()
    const dir = join(disk.path, 'data')
    const state = await make(dir, startPuppet)
    const hasStaleLock = existsSync(lockPath(dir))
    const before = filesOf(dir)
    for (const name of leftover ?? []) delete before[name]
    const options = { dir, lockWaitMs: 0, mainFile: false }
    let store: Store | undefined
    let blocks = 0
    for (; !store; blocks++) {
      expect(blocks).toBeLessThan(100)
      fillCompletely(disk)
      disk.giveBack(blocks * BLOCK)
      const fileSystem = new FaultyFileSystem()
      const opened = await openOn(machine({ fileSystem }), options).catch((error: unknown) => error)
      if (opened instanceof Error) {
        expect(opened, `${blocks} blocks`).toMatchObject(noSpace)
        expect(opened.message).toContain('free some disk space')
        expect(filesOf(dir), `${blocks} blocks`).toMatchObject(before)
        // There was space for the lock. It must be removed, unless the next owner must know of a failure.
        const lockFiles = namesAndSockets(dir).filter((name) => name.startsWith('store.lock'))
        if (blocks > 0) expect(lockFiles).toEqual(hasNote ? ['store.lock'] : [])
        expect(fileSystem.openFiles.size).toBe(0)
        await expectReadable(dir, state)
      } else store = opened as Store
    }
    // Without a free block there is no space for the lock. One block is enough for the lock, but not for a repair, unless
    // the lock takes the place of a stale one, whose block comes free.
    if (needsRepair && !hasStaleLock) expect(blocks).toBeGreaterThan(2)
    else expect(blocks).toBeGreaterThan(1)
    expect(stateOf(store)).toEqual(state)
    fillCompletely(disk)
    await expect(store.set('long', LONG)).rejects.toMatchObject(noSpace)
    expect(stateOf(store)).toEqual(state)
    await store.close()
    expect(namesAndSockets(dir).filter((name) => name.startsWith('store.lock'))).toEqual([])

    disk.giveBack()
    const again = await openOn(machine(), options)
    expect(stateOf(again)).toEqual(state)
    await again.set('long', LONG)
    expect((await again.verify()).damage).toEqual([])
    await again.close()
    expect(unfinishedIn(dir)).toEqual([])
  })

  test('whose opener is killed on a disk with little space loses nothing', async () => {
    const disk = smallDisk()
    const dir = join(disk.path, 'data')
    const state = await make(dir, startPuppet)
    for (let round = 0; round < 3; round++) {
      fillCompletely(disk)
      disk.giveBack(2 * BLOCK)
      const puppet = startPuppet()
      const opened = await puppet.call('open', { dir, lockWaitMs: 0, mainFile: false }).then(
        () => true,
        (error: { code: string }) => {
          expect(error.code).toBe(noSpace.code)
          return false
        },
      )
      if (opened) expect(await puppet.call('state')).toEqual(state)
      await puppet.killAndWait()
      await expectReadable(dir, state)
    }
    disk.giveBack()
    await using store = await openOn(machine(), { dir, lockWaitMs: 0 })
    expect(stateOf(store)).toEqual(state)
  })
})

async function tornTail(dir: string): Promise<void> {
  await closed(dir, { mainFile: false })
  append(dir, '{"timestamp":"2025-01-15T12:00:00.000Z","seq":4,"op":"SE')
}

/** Doubles a line, so that the log must be rewritten. */
async function damage(dir: string): Promise<void> {
  await closed(dir, { mainFile: false })
  const line = linesOf(dir)[2] as string
  replaceLine(dir, 3, line, line)
}

describe.each([
  ['a torn tail', tornTail, /\.quarantine\./],
  ['damage', damage, /store\.log\.new/],
] as const)('a log with %s', (_, spoil, target) => {
  test('that cannot be repaired for lack of space stays as it was, and is repaired by the next opening', async () => {
    const dir = directory()
    await spoil(dir)
    const before = allFilesOf(dir)
    for (const fault of ['write', 'open', 'sync'] as const) {
      const fileSystem = new FaultyFileSystem()
      fileSystem.fail(fault, systemError('ENOSPC'), { on: target, ...ALWAYS })
      const refused = openOn(machine({ fileSystem }), { dir, mainFile: false })
      await expect(refused, fault).rejects.toMatchObject(noSpace)
      await expect(refused, fault).rejects.toThrow(/free some disk space/)
      expect(allFilesOf(dir), fault).toEqual(before)
      expect(fileSystem.openFiles.size).toBe(0)
    }
    await using store = await openOn(machine(), { dir, mainFile: false })
    expect(stateOf(store)).toEqual(VALUES)
  })

  test('loses nothing, whichever step of the opening finds no space', async () => {
    const image = directory()
    await spoil(image)
    const wrong: string[] = []
    let [refused, hasOpened] = [0, 0]
    for (let nth = 1; ; nth++) {
      const dir = copyOf(image)
      const before = filesOf(dir)
      const fileSystem = new FaultyFileSystem()
      // The clock advances whenever it is read, so that waiting for the lock ends.
      const clock = new ManualClock('2025-01-15T12:00:00.000Z', 0.01)
      fileSystem.fail('any', systemError('ENOSPC'), { nth })
      const options = { dir, mainFile: false, lockWaitMs: 0 }
      const opened = await openOn(machine({ fileSystem, clock }), options).catch((error: unknown) => error)
      const call = fileSystem.calls[nth - 1]
      fileSystem.heal()
      const check = (isRight: boolean, what: string) => {
        if (!isRight) wrong.push(`call ${nth} (${call?.kind} ${call?.path.slice(dir.length)}): ${what}`)
      }
      if (opened instanceof Error) {
        refused++
        const { code } = opened as { code?: string }
        check(/^FLATLOG_(NO_SPACE|FAILED)$/.test(code ?? ''), `refused with ${code}`)
        // Calls that take no space may come after the repair.
        const takesSpace = /^(open|write|link|rename|sync)$/.test(call?.kind ?? '')
        const log = readFileSync(logOf(dir), 'base64')
        if (takesSpace && code === noSpace.code) check(log === before['logs/store.log'], 'log changed')
      } else {
        hasOpened++
        const store = opened as Store
        check(JSON.stringify(stateOf(store)) === JSON.stringify(VALUES), 'another state')
        await store.set('d', 1).catch((error: unknown) => check(false, `not written: ${error}`))
        await store.close()
      }
      check(fileSystem.openFiles.size === 0, 'left open')
      await using again = await openOn(machine(), options)
      const expected = opened instanceof Error ? VALUES : { ...VALUES, d: 1 }
      check(JSON.stringify(stateOf(again)) === JSON.stringify(expected), 'wrong state in the files')
      await again.close()
      check(unfinishedIn(dir).length === 0, `left ${unfinishedIn(dir)}`)
      if (!call) break
    }
    expect(wrong).toEqual([])
    expect(refused).toBeGreaterThan(10)
    expect(hasOpened).toBeGreaterThan(1)
  })
})

test('a note of a failure stays in the lock while there is no space to copy the log', async () => {
  const dir = directory()
  await closed(dir, { mainFile: false })
  writeLock(dir, lockRecord({ pid: 2 ** 30, failed: 'a sync failed' }))
  const before = filesOf(dir)
  for (let attempt = 0; attempt < 3; attempt++) {
    const fileSystem = new FaultyFileSystem()
    fileSystem.fail('write', systemError('ENOSPC'), { on: /store\.log\.new/, ...ALWAYS })
    await expect(openOn(machine({ fileSystem }), { dir, lockWaitMs: 0 })).rejects.toMatchObject(noSpace)
    expect(filesOf(dir)).toEqual(before)
    expect(readLock(dir).failed).toBe('a sync failed')
  }
  const store = await openOn(machine(), { dir, lockWaitMs: 0 })
  expect(store.recovery.notes.join(' ')).toMatch(/met a failure/)
  expect(readLock(dir)).not.toHaveProperty('failed')
  expect(stateOf(store)).toEqual(VALUES)
  await store.close()
  expect(namesAndSockets(dir).filter((name) => name.includes('lock'))).toEqual([])
})

test('a mark for which there is no space is written at close', async () => {
  const dir = directory()
  await closed(dir, { mainFile: false })
  writeFileSync(markOf(dir), 'no mark\n')
  const fileSystem = new FaultyFileSystem()
  fileSystem.fail('write', systemError('ENOSPC'), { on: /\.mark\.new$/, ...ALWAYS })
  const store = await openOn(machine({ fileSystem }), { dir, mainFile: false })
  await store.set('d', 1)
  const problems: unknown[] = []
  store.on('problem', (error) => problems.push(error))
  fileSystem.heal()
  await store.close()
  expect(problems).toEqual([])
  await using again = await openOn(machine(), { dir })
  expect(again.recovery).toMatchObject({ clean: true, damage: [], notes: [] })
})

test('a store that has failed and finds no space in reopen() stays failed, and can be reopened later', async () => {
  const failed = { code: 'FLATLOG_FAILED' }
  const dir = directory()
  const fileSystem = new FaultyFileSystem()
  const store = await openOn(machine({ fileSystem, clock: new ManualClock() }), { dir, mainFile: false })
  await store.set('a', 1)
  fileSystem.fail('sync', systemError('EIO'), { on: /store\.log/ })
  await expect(store.set('a', 2)).rejects.toMatchObject(failed)
  fileSystem.fail('write', systemError('ENOSPC'), { on: /store\.log\.new/, ...ALWAYS })
  for (let attempt = 0; attempt < 3; attempt++) {
    await expect(store.reopen()).rejects.toMatchObject(noSpace)
    expect(store.health()).toMatchObject({ ok: false, failure: failed })
    expect(namesAndSockets(dir).filter((name) => /\.new$|\.damaged\./.test(name))).toEqual([])
    expect(readLock(dir).failed).toContain('store.log')
  }
  fileSystem.heal()
  await store.reopen()
  await store.set('a', 3)
  expect(fileSystem.openFiles.size).toBe(1)
  await store.close()
})
