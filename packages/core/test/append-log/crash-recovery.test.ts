import { appendFileSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import type { Store } from '../support/core.js'
import { copyAsOfNow } from '../support/files.js'
import { useTempDirectory } from '../support/temp-directory.js'
import { openPlayers, playersLog, run } from './store-in.js'

/** The next run recovers what a crash left: no acknowledged write is lost. */

const makeDir = useTempDirectory()
const stateOf = (dir: string) => run(dir, (store) => Object.fromEntries(store.entries()))

/** The files that a process leaves if it is killed after this work. */
async function killedAfter(dir: string, work: (store: Store) => unknown): Promise<string> {
  const store = await openPlayers(dir)
  await work(store)
  const crashed = copyAsOfNow(dir, makeDir())
  await store.close()
  return crashed
}

describe('a killed process', () => {
  it('leaves every acknowledged write, at every durability', async () => {
    for (const durability of ['always', 'interval', 'os'] as const) {
      const dir = makeDir()
      const store = await openPlayers(dir, { durability })
      for (let number = 1; number <= 10; number++) {
        await store.set(`k${number}`, number)
        const crashed = copyAsOfNow(dir, makeDir())
        await run(
          crashed,
          (again) => {
            expect(again.size).toBe(number)
            expect(again.recovery.clean).toBe(true)
          },
          { durability },
        )
      }
      await store.close()
    }
  })

  it('leaves no lock that stops the next open', async () => {
    const crashed = await killedAfter(makeDir(), (store) => store.set('a', 1))
    expect(readdirSync(join(crashed, 'logs'))).toContain('players.lock')
    expect(await stateOf(crashed)).toEqual({ a: 1 })
  })

  it('leaves a torn line in the middle of a write: the line is cut off, set aside and reported', async () => {
    const crashed = await killedAfter(makeDir(), (store) => store.set('a', 1))
    appendFileSync(playersLog(crashed), '{"timestamp":"2025-01-15T12:00:00.000Z","seq":2,"op":"SET","key":"b","val')
    await run(crashed, async (store) => {
      expect([...store.entries()]).toEqual([['a', 1]])
      expect(store.recovery).toMatchObject({ clean: false, cutBytes: 73, damage: [], inDoubt: [] })
      await store.set('b', 2)
    })
    const aside = readdirSync(join(crashed, 'logs')).find((name) => name.startsWith('players.log.quarantine.'))
    expect(readFileSync(join(crashed, 'logs', aside!), 'utf8')).toContain('"key":"b","val')
    await run(crashed, (store) => {
      expect([...store.entries()]).toEqual([
        ['a', 1],
        ['b', 2],
      ])
      expect(store.recovery.clean).toBe(true)
    })
  })

  it('leaves an unfinished generation in the middle of a compaction: the log counts, and the generation is removed', async () => {
    const crashed = await killedAfter(makeDir(), async (store) => {
      await store.set('a', 1)
      await store.set('b', 2)
    })
    const unfinished = `${playersLog(crashed)}.new`
    writeFileSync(unfinished, Buffer.concat([Buffer.alloc(200), Buffer.from('{"part"')]))
    expect(await stateOf(crashed)).toEqual({ a: 1, b: 2 })
    expect(readdirSync(join(crashed, 'logs'))).not.toContain('players.log.new')
  })

  it('loses nothing however often and at whatever place it is killed', async () => {
    let dir = makeDir()
    const expected: Record<string, number> = {}
    for (let round = 0; round < 8; round++) {
      dir = await killedAfter(dir, async (store) => {
        await store.set(`k${round}`, round)
        expected[`k${round}`] = round
        if (round % 3 === 2) await store.compact()
        if (round % 2) {
          await store.delete(`k${round - 1}`)
          delete expected[`k${round - 1}`]
        }
      })
      appendFileSync(playersLog(dir), round % 2 ? '\0'.repeat(round * 100) : '{"torn":'.slice(0, round))
    }
    expect(await stateOf(dir)).toEqual(expected)
  })
})

describe('a damaged file', () => {
  it('never becomes an empty store', async () => {
    for (const bytes of [Buffer.alloc(0), Buffer.alloc(4096), Buffer.from('garbage')]) {
      const dir = makeDir()
      await run(dir, (store) => store.set('a', 1))
      writeFileSync(playersLog(dir), bytes)
      await expect(openPlayers(dir)).rejects.toMatchObject({ code: 'FLATLOG_CORRUPT' })
      expect(statSync(playersLog(dir)).size).toBe(bytes.length)
    }
  })

  it('is read on both sides of the damage, and the keys in doubt are reported', async () => {
    const dir = makeDir()
    await run(dir, async (store) => {
      for (const key of ['a', 'b', 'c']) await store.set(key, 1)
    })
    writeFileSync(playersLog(dir), readFileSync(playersLog(dir), 'utf8').replace('"key":"b"', '"key":"x"'))
    await run(dir, (store) => {
      expect([...store.keys()]).toEqual(['a', 'c'])
      expect(store.recovery.damage).toMatchObject([{ file: 'players.log', line: 3, key: 'x' }])
      expect(store.recovery.inDoubt).toContain('any')
    })
    await run(dir, (store) => expect(store.recovery.clean).toBe(true))
  })
})
