import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { filesOf } from '../recovery/installation.js'
import { Puppet, useChildren } from '../support/children.js'
import type { Store } from '../support/core.js'
import { namesAndSockets, stateOf } from '../support/files.js'
import { machine, openOn } from '../support/machine.js'
import { useRejectionWatch } from '../support/rejections.js'
import { canMount, type SmallDisk, untilSo, useSmallDisks } from '../support/small-disk.js'
import { LONG, noSpace, PLACES } from './places.js'

/** A store that is opened where there is not a byte of room left. The disk is a real one. */
const smallDisk = useSmallDisks()
const childPath = useChildren('puppet')
const startPuppet = () => new Puppet(childPath('puppet'))
useRejectionWatch()

/** So soon after space has come back everything has to work. */
const SOON_MS = 1000

function fillWholly(disk: SmallDisk): void {
  disk.fill()
  expect(disk.freeBytes).toBe(0)
}

async function expectReadable(store: Store, state: Record<string, unknown>): Promise<void> {
  expect(stateOf(store)).toEqual(state)
  expect(store.size).toBe(Object.keys(state).length)
  expect([...store.keys({ prefix: 'a' })]).toEqual(['a'])
  expect(store.getMeta('a')).toMatchObject({ size: 1 })
  await store.verify()
  await store.flush()
  expect(store.stats()).toMatchObject({ lastSeq: expect.any(Number) })
}

async function expectWritableSoon(store: Store, key: string): Promise<void> {
  const isWritten = async () => {
    try {
      await store.set(key, LONG)
      return true
    } catch (error) {
      expect(error).toMatchObject(noSpace)
      return false
    }
  }
  expect(await untilSo(isWritten)).toBeLessThan(SOON_MS)
}

describe.skipIf(!canMount).each(PLACES)('a store %s', (_, { make, needsRepair, kept }) => {
  test('opens on a full disk, can be read, and is written to when there is room', async () => {
    const disk = smallDisk()
    const dir = join(disk.path, 'data')
    const state = await make(dir, startPuppet)
    fillWholly(disk)
    const before = filesOf(dir)
    const store = await openOn(machine(), { dir, lockWaitMs: 0 })
    await expectReadable(store, state)
    for (const write of [
      () => store.set('long', LONG),
      () => store.setText('a', LONG),
      () => store.update('a', () => LONG),
      () => store.batch([{ op: 'SET', key: 'b', value: LONG }]),
      () => store.replace({ only: LONG }),
    ]) {
      await expect(write()).rejects.toMatchObject(noSpace)
      await expect(write()).rejects.toThrow(/changed nothing.*What to do: free some space/)
    }
    await expectReadable(store, state)
    const { recovery } = store
    if (needsRepair) {
      expect(store.health()).toMatchObject({ ok: false, failure: noSpace, problems: [] })
      // Also what would need no room: nothing is written behind what has to be repaired first.
      await expect(store.delete('a')).rejects.toMatchObject(noSpace)
      await expect(store.delete('nothing')).rejects.toMatchObject(noSpace)
      await expect(store.clear()).rejects.toMatchObject(noSpace)
      await expect(store.compact()).rejects.toMatchObject(noSpace)
      await expect(store.reopen()).rejects.toMatchObject(noSpace)
      expect(filesOf(dir)).toEqual(before)
    } else {
      expect(store.health()).toMatchObject({ ok: true })
    }

    disk.giveBack()
    await expectWritableSoon(store, 'long')
    expect(store.health()).toMatchObject({ ok: true, problems: [] })
    expect(store.recovery).toMatchObject({ ...recovery, notes: expect.arrayContaining(recovery.notes) })
    if (kept) expect(kept(dir)).toHaveLength(1)
    // A mark for which there was no room is written at close.
    expect((await store.verify()).damage.filter(({ file }) => file !== 'store.mark')).toEqual([])
    await store.close()
    await using again = await openOn(machine(), { dir, lockWaitMs: 0 })
    expect(stateOf(again)).toEqual({ ...state, long: LONG })
    expect(again.recovery).toMatchObject({ clean: true, cutBytes: 0 })
    expect((await again.verify()).damage).toEqual([])
    expect(namesAndSockets(dir).filter((name) => /\.(new|first|copy)$/.test(name))).toEqual([])
  })

  test('may be closed on the full disk as it was opened, and killed, and opened again', async () => {
    const disk = smallDisk()
    const dir = join(disk.path, 'data')
    const state = await make(dir, startPuppet)
    fillWholly(disk)
    for (let round = 0; round < 3; round++) {
      const puppet = startPuppet()
      await puppet.call('open', { dir, lockWaitMs: 0, mainFile: false })
      expect(await puppet.call('state')).toEqual(state)
      await expect(puppet.call('set', 'long', LONG)).rejects.toMatchObject({ code: noSpace.code })
      await puppet.killAndWait()
      // What is set free by anybody is taken by others at once.
      fillWholly(disk)
      const store = await openOn(machine(), { dir, lockWaitMs: 0, mainFile: false })
      await expectReadable(store, state)
      await store.close()
      fillWholly(disk)
    }
    disk.giveBack()
    await using store = await openOn(machine(), { dir, lockWaitMs: 0 })
    await store.set('long', LONG)
    expect(stateOf(store)).toEqual({ ...state, long: LONG })
  })
})
