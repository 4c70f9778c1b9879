import { expect, test, vi } from 'vitest'
import type { Store } from '../support/core.js'
import { fingerprint } from '../support/fingerprint.js'
import { rounds } from '../support/long.js'
import { Random, withSeed } from '../support/random.js'
import { useRejectionWatch } from '../support/rejections.js'
import { turns } from '../support/turns.js'
import { perform, Workload } from '../support/workload.js'
import { Mirror, type SharedDisk, useProcesses } from './shared-disk.js'

vi.mock(import('../../src/platform/limits.js'), async (original) => {
  const { SMALL_LIMITS } = await import('../simulation/small-limits.js')
  return { ...(await original()), ...SMALL_LIMITS }
})

const sharedDisk = useProcesses()
useRejectionWatch()

const STEPS = 400
const KEYS = 40

/**
 * A writer that also compacts, closes, is killed and opens again.
 * It keeps every state by its number.
 */
class BusyWriter {
  readonly states: string[]
  readonly #plan: Workload
  compactions = 0
  isDone = false

  constructor(
    private readonly disk: SharedDisk,
    private readonly random: Random,
  ) {
    this.#plan = new Workload(random, KEYS)
    this.states = [fingerprint(this.#plan.state)]
  }

  async run(): Promise<Store> {
    const { random } = this
    const options = { backups: random.below(4), durability: random.pick(['always', 'os'] as const) }
    let { store, process } = await this.disk.writer(options)
    let compacting: Promise<void> | undefined
    while (this.#plan.steps < STEPS) {
      const writes = Array.from({ length: 1 + random.below(12) }, () => this.#write(store))
      if (random.below(6) === 0) await turns(random.below(4))
      await Promise.all(writes)
      const dice = random.below(20)
      if (dice < 4) {
        await compacting
        compacting = store.compact()
        this.compactions++
        if (dice < 2) await compacting
      } else if (dice === 4) {
        await compacting
        if (random.below(2) === 0) await store.close()
        process.kill()
        compacting = undefined
        ;({ store, process } = await this.disk.writer(options))
      }
    }
    await compacting
    this.isDone = true
    return store
  }

  #write(store: Store): Promise<unknown> {
    const step = this.#plan.next()
    this.states.push(fingerprint(this.#plan.state))
    return perform(store, step)
  }
}

/** Follows the changes, and begins again from the current state when its position is gone. */
async function follow(store: Store, states: readonly string[]): Promise<number> {
  for (let restarts = 0; ; restarts++) {
    let { lastSeq } = store.stats() as { lastSeq: number }
    try {
      for await (const { seq } of store.changes()) {
        if (seq !== lastSeq) expect(seq).toBe(lastSeq + 1)
        lastSeq = seq
      }
      expect(lastSeq).toBe(states.length - 1)
      return restarts
    } catch (error) {
      if ((error as { code?: string }).code !== 'FLATLOG_POSITION') throw error
    }
  }
}

test(
  'a reader only shows states that existed, never goes back to an earlier one, and has the last after flush',
  async () => {
    await withSeed(async (random) => {
      let [compared, switches] = [0, 0]
      for (let round = 0; round < rounds(12, 300); round++) {
        const disk = sharedDisk()
        await (await disk.writer()).store.close()
        const work = new BusyWriter(disk, new Random(random.below(2 ** 31)))
        const { store: reader, process } = await disk.reader({ cacheBytes: random.pick([0, 1000, 1_000_000]) })
        const mirror = new Mirror(reader)
        const following = follow(reader, work.states)
        following.catch(() => {})
        let [lastSeq, checkpoint] = [0, 0]
        const check = () => {
          const stats = reader.stats() as { lastSeq: number; checkpointSeq: number }
          expect(stats.lastSeq).toBeGreaterThanOrEqual(lastSeq)
          if (stats.checkpointSeq !== checkpoint) switches++
          ;({ lastSeq, checkpointSeq: checkpoint } = stats)
          expect(fingerprint(reader.entries()), `at record ${lastSeq}`).toBe(work.states[lastSeq])
          compared++
        }
        let isChecking = false
        process.onCall = () => {
          // Also in the middle of a look.
          if (!isChecking && random.below(12) === 0) {
            isChecking = true
            check()
            isChecking = false
          }
          return undefined
        }
        const working = work.run()
        while (!work.isDone) {
          await turns(random.below(8))
          if (random.below(3) > 0) await reader.flush()
          check()
        }
        const writer = await working
        await reader.flush()
        check()
        expect(lastSeq).toBe(work.states.length - 1)
        expect(mirror.fingerprint).toBe(work.states.at(-1))
        expect(reader.recovery).toMatchObject({ damage: [], inDoubt: [] })
        expect(reader.health()).toEqual({ ok: true, problems: [] })
        await writer.close()
        // Closing ends the following, also for changes that were read and not yet delivered.
        await turns()
        await reader.close()
        await following
        expect(process.fileSystem.openFiles.size).toBe(0)
      }
      expect(compared).toBeGreaterThan(rounds(500, 10_000))
      expect(switches).toBeGreaterThan(rounds(60, 1500))
    })
  },
  rounds(300_000, 3_600_000),
)
