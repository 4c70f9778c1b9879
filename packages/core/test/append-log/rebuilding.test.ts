import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { openLogs } from '../support/core.js'
import { type Random, withSeed } from '../support/random.js'
import { useTempDirectory } from '../support/temp-directory.js'
import { openPlayers, run } from './store-in.js'

/** The state of a store is its checkpoint and the records after it, and nothing else. */

const makeDir = useTempDirectory()
const stateOf = (dir: string) => run(dir, (store) => Object.fromEntries(store.entries()))

describe('rebuilding the state', () => {
  it('from the records alone', async () => {
    const dir = makeDir()
    await run(dir, async (store) => {
      await store.set('a', 1)
      await store.set('b', 2)
      await store.delete('a')
      await store.set('b', 3)
    })
    expect(await stateOf(dir)).toEqual({ b: 3 })
  })

  it('from a checkpoint and the records after it', async () => {
    const dir = makeDir()
    await run(dir, async (store) => {
      await store.set('a', 1)
      await store.set('b', 2)
      await store.compact()
      await store.delete('a')
      await store.set('c', 3)
    })
    expect(await stateOf(dir)).toEqual({ b: 2, c: 3 })
  })

  it('from a checkpoint in many parts', async () => {
    const dir = makeDir()
    const state: Record<string, unknown> = {}
    for (let number = 0; number < 300; number++) state[`k${number}`] = { number, text: 'ü'.repeat(number) }
    await run(dir, async (store) => {
      await store.replace(state)
      await store.compact()
      await store.set('k7', 'changed')
    })
    expect(await stateOf(dir)).toEqual({ ...state, k7: 'changed' })
  })

  it('by applying the entries in order', async () => {
    const dir = makeDir()
    await run(dir, async (store) => {
      await store.set('a:1', 1)
      await store.set('b', 2)
      await store.compact()
      await store.batch([
        { op: 'SET', key: 'a:2', value: 3 },
        { op: 'DELETE', key: 'b' },
      ])
      await store.clear({ prefix: 'a:1' })
    })
    const state = new Map<string, unknown>()
    for (const entry of await openLogs({ dir }).readLogEntries('players')) {
      for (const each of entry.ops ?? [entry]) {
        const { op, key, prefix, value, data } = { ...entry, ...each }
        if (op === 'CHECKPOINT' || data) {
          state.clear()
          for (const [name, held] of Object.entries(entry.state ?? data ?? {})) state.set(name, held)
        } else if (prefix !== undefined) {
          for (const name of [...state.keys()]) if (name.startsWith(prefix)) state.delete(name)
        } else if (op === 'DELETE') state.delete(key as string)
        else state.set(key as string, value)
      }
    }
    expect(Object.fromEntries(state)).toEqual(await stateOf(dir))
    expect(state.size).toBe(1)
  })

  it('does not need the main file: if it is missing or edited, the log counts', async () => {
    const dir = makeDir()
    const main = join(dir, 'players.json')
    await run(dir, (store) => store.set('a', { x: 1 }))
    expect(JSON.parse(readFileSync(main, 'utf8'))).toEqual({ a: { x: 1 } })
    writeFileSync(main, '{"a":"edited"}')
    expect(await stateOf(dir)).toEqual({ a: { x: 1 } })
    rmSync(main)
    expect(await stateOf(dir)).toEqual({ a: { x: 1 } })
    // It was missing, so it is written again.
    expect(existsSync(main)).toBe(true)
  })

  it('does not need the mark', async () => {
    const dir = makeDir()
    await run(dir, (store) => store.set('a', 1))
    rmSync(join(dir, 'logs', 'players.mark'))
    expect(await stateOf(dir)).toEqual({ a: 1 })
  })

  it('gives the same state wherever the store was closed or compacted', async () => {
    await withSeed(async (random: Random) => {
      const dir = makeDir()
      const model = new Map<string, unknown>()
      let store = await openPlayers(dir, { mainFile: false, compaction: false, durability: 'os' })
      const same = () => expect([...store.entries()]).toEqual([...model].sort(([a], [b]) => (a < b ? -1 : 1)))
      for (let step = 0; step < 400; step++) {
        const key = `${random.pick(['a', 'b', 'ü'])}:${random.below(6)}`
        const choice = random.below(100)
        if (choice < 60) {
          model.set(key, step)
          await store.set(key, step)
        } else if (choice < 80) {
          expect(await store.delete(key)).toBe(model.delete(key))
        } else if (choice < 86) {
          const prefix = random.pick(['a:', 'b:', 'ü', ''])
          for (const each of [...model.keys()]) if (each.startsWith(prefix)) model.delete(each)
          await store.clear({ prefix })
        } else if (choice < 92) {
          await store.batch([
            { op: 'SET', key, value: step },
            { op: 'DELETE', key: 'a:1' },
          ])
          model.set(key, step)
          model.delete('a:1')
        } else if (choice < 96) {
          await store.compact()
        } else {
          await store.close()
          store = await openPlayers(dir, { mainFile: false, compaction: false, durability: 'os' })
          expect(store.recovery.clean).toBe(true)
        }
        if (step % 20 === 0) same()
      }
      same()
      expect((await store.verify()).ok).toBe(true)
      await store.close()
      expect(await stateOf(dir)).toEqual(Object.fromEntries(model))
    })
  })
})
