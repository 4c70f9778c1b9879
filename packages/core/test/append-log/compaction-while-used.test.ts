import { readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { openLogs } from '../support/core.js'
import { useTempDirectory } from '../support/temp-directory.js'
import { openPlayers, playersLog, run } from './store-in.js'

/** Compaction during reads and writes: on demand and automatic. */

const makeDir = useTempDirectory()
const backupsOf = (dir: string) =>
  readdirSync(join(dir, 'logs'))
    .filter((name) => name.startsWith('players.log.backup.'))
    .sort()

/** Writes many versions of few keys: a log that is worth compacting. */
async function fill(dir: string, versions = 50): Promise<void> {
  await run(dir, (store) =>
    Promise.all(
      Array.from({ length: versions * 4 }, (_, number) =>
        store.set(`k${number % 4}`, { number, text: 'x'.repeat(100) }),
      ),
    ),
  )
}
describe('compacting while the store is used', () => {
  it('refuses no write, and loses none that is made meanwhile', async () => {
    const dir = makeDir()
    const store = await openPlayers(dir)
    const state = new Map<string, string>()
    for (let number = 0; number < 2000; number++) state.set(`k${number}`, 'x'.repeat(200))
    await store.replace(state)
    let compacted = false
    const compaction = store.compact().then(() => {
      compacted = true
    })
    const written: Promise<void>[] = []
    for (let number = 0; !compacted; number++) {
      const key = `k${(number * 7) % 3000}`
      if (number % 5 === 0) {
        state.delete(key)
        written.push(store.delete(key).then(() => {}))
      } else {
        state.set(key, `${number}`)
        written.push(store.set(key, `${number}`))
      }
      if (number % 50 === 0) await written.at(-1)
      // A read sees every write at once, whichever of the two logs gets the record.
      expect(store.get(key)).toBe(state.get(key))
    }
    await Promise.all(written)
    await compaction
    expect(written.length).toBeGreaterThan(0)
    const expected = [...state].sort(([a], [b]) => (a < b ? -1 : 1))
    expect([...store.entries()]).toEqual(expected)
    expect((await store.verify()).ok).toBe(true)
    await store.close()
    await run(dir, (again) => {
      expect([...again.entries()]).toEqual(expected)
      expect(again.recovery.clean).toBe(true)
    })
  })

  it('requested twice at once runs once', async () => {
    const dir = makeDir()
    await fill(dir)
    await run(dir, async (store) => {
      await Promise.all([store.compact(), store.compact(), openLogs({ dir }).compactLog('players')])
    })
    expect(backupsOf(dir)).toHaveLength(1)
  })

  it('begins automatically when the log is much larger than its state', async () => {
    const dir = makeDir()
    const text = 'x'.repeat(10_000)
    const store = await openPlayers(dir, { durability: 'os', mainFile: false })
    for (let round = 0; round < 6; round++) {
      for (let number = 0; number < 50; number++) await store.set(`k${number % 10}`, `${round}:${number}${text}`)
      await store.flush()
    }
    await store.close()
    expect(backupsOf(dir).length).toBeGreaterThan(0)
    expect(statSync(playersLog(dir)).size).toBeLessThan(2.5 * 1_048_576)
    expect(await run(dir, (again) => again.size)).toBe(10)
  })

  it('never begins automatically with compaction: false', async () => {
    const dir = makeDir()
    const text = 'x'.repeat(100_000)
    await run(
      dir,
      async (store) => {
        for (let number = 0; number < 30; number++) await store.set('k', `${number}${text}`)
      },
      { compaction: false, durability: 'os', mainFile: false },
    )
    expect(backupsOf(dir)).toEqual([])
    expect(statSync(playersLog(dir)).size).toBeGreaterThan(30 * 100_000)
  })
})
