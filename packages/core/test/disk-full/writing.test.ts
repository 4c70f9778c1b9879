import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { namesAndSockets, stateOf } from '../support/files.js'
import { rounds } from '../support/long.js'
import { machine, openOn } from '../support/machine.js'
import { withSeed } from '../support/random.js'
import { useRejectionWatch } from '../support/rejections.js'
import { canMount, useSmallDisks } from '../support/small-disk.js'
import { modelState, perform, Workload } from '../support/workload.js'
import { LONG, noSpace } from './places.js'

/** A real disk that becomes full to the last byte while a store is open. */
const smallDisk = useSmallDisks()
useRejectionWatch()

describe.skipIf(!canMount).each(['always', 'interval', 'os'] as const)('a full disk (%s)', (durability) => {
  test('refuses the write, is readable as before, and takes writes after space is freed', async () => {
    const disk = smallDisk()
    const dir = join(disk.path, 'data')
    const store = await openOn(machine(), { dir, durability })
    await store.batch([
      { op: 'SET', key: 'a', value: 1 },
      { op: 'SET', key: 'b', value: 2 },
    ])
    const before = stateOf(store)
    disk.fill()
    expect(disk.freeBytes).toBe(0)
    for (let attempt = 0; attempt < 3; attempt++) {
      await expect(store.set('long', LONG)).rejects.toMatchObject(noSpace)
      await expect(store.batch([{ op: 'SET', key: 'a', value: LONG }])).rejects.toMatchObject(noSpace)
      expect(stateOf(store)).toEqual(before)
    }
    expect(store.health()).toEqual({ ok: true, problems: [] })
    expect((await store.verify()).ok).toBe(true)
    disk.giveBack()
    const startMs = performance.now()
    await store.set('long', LONG)
    expect(performance.now() - startMs).toBeLessThan(1000)
    await store.close()
    await using again = await openOn(machine(), { dir, durability })
    expect(stateOf(again)).toEqual({ ...before, long: LONG })
    expect(again.recovery).toMatchObject({ clean: true, cutBytes: 0 })
  })

  test('again and again, at any byte, loses no acknowledged write and keeps no refused one', async () => {
    await withSeed(async (random) => {
      const disk = smallDisk()
      const dir = join(disk.path, 'data')
      const options = { dir, durability, compaction: { minBytes: 20_000 }, backups: 1 } as const
      let store = await openOn(machine(), options)
      const workload = new Workload(random, 60)
      let [refused, acknowledged] = [0, 0]
      for (let round = 0; round < rounds(12, 200); round++) {
        disk.fill()
        disk.giveBack(4096 * random.below(8))
        for (let write = 0; write < 30; write++) {
          // One at a time: the model has only the writes that the store has acknowledged.
          const before = [...workload.state]
          try {
            await perform(store, workload.next())
            acknowledged++
          } catch (error) {
            expect(error).toMatchObject(noSpace)
            workload.state.clear()
            for (const [key, value] of before) workload.state.set(key, value)
            refused++
          }
          expect(stateOf(store)).toEqual(modelState(workload.state))
        }
        if (random.below(3) === 0) {
          await store.close()
          store = await openOn(machine(), options)
          expect(store.recovery).toMatchObject({ damage: [], cutBytes: 0 })
          expect(stateOf(store)).toEqual(modelState(workload.state))
        }
        disk.giveBack(random.pick([300_000, 1_700_000]))
        // After so many failures a compaction in the background would wait for seconds.
        await store.compact().catch((error: unknown) => expect(error).toMatchObject(noSpace))
        await store.set('space', round)
        workload.state.set('space', round)
      }
      expect(refused).toBeGreaterThan(0)
      expect(acknowledged).toBeGreaterThan(0)
      disk.giveBack()
      await store.compact()
      expect((await store.verify()).ok).toBe(true)
      await store.close()
      await using again = await openOn(machine(), options)
      expect(stateOf(again)).toEqual(modelState(workload.state))
      expect(namesAndSockets(dir).filter((name) => /\.new|\.first|-copy/.test(name))).toEqual([])
    })
  })
})
