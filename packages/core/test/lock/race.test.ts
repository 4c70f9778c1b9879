import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { Puppet, type Run, run, useChildren } from '../support/children.js'
import { namesAndSockets } from '../support/files.js'
import { lockPath, readLock, writeLock } from '../support/locks.js'
import { rounds } from '../support/long.js'
import { machine, openOn } from '../support/machine.js'
import { moment } from '../support/moment.js'
import { withSeed } from '../support/random.js'
import { useTempDirectory } from '../support/temp-directory.js'

const directory = useTempDirectory()
const childPath = useChildren('puppet', 'rival')
const TIMEOUT_MS = rounds(600_000, 3_600_000)

/** Starts processes and waits until they are ready for calls. */
async function startPuppets(count: number): Promise<Puppet[]> {
  const puppets = Array.from({ length: count }, () => new Puppet(childPath('puppet')))
  await Promise.all(puppets.map((puppet) => puppet.call('health').catch(() => {})))
  return puppets
}

/** All open the store at once, without waiting for the lock: exactly one becomes the owner. */
async function race(dir: string, rivals: readonly Puppet[], where: string): Promise<Puppet> {
  const owners: Puppet[] = []
  const refusals: string[] = []
  await Promise.all(
    rivals.map((puppet) =>
      puppet.call('open', { dir, lockWaitMs: 0, durability: 'os', mainFile: false }).then(
        () => owners.push(puppet),
        (error: { code: string }) => refusals.push(error.code),
      ),
    ),
  )
  expect(refusals, where).toEqual(Array.from({ length: rivals.length - 1 }, () => 'FLATLOG_LOCKED'))
  const [owner] = owners as [Puppet]
  expect(readLock(dir).pid, where).toBe(owner.pid)
  return owner
}

describe('processes that open a store at the same moment', () => {
  const TIMES = rounds(50, 2000)

  test(
    `one gets it and the other is refused, ${TIMES} times`,
    async () => {
      const dir = directory()
      const puppets = await startPuppets(2)
      for (let round = 0; round < TIMES; round++) {
        const owner = await race(dir, puppets.reverse(), `round ${round}`)
        await owner.call('set', 'last', round)
        await owner.call('close')
      }
      expect(namesAndSockets(dir)).toEqual(['store.log', 'store.mark'])
    },
    TIMEOUT_MS,
  )

  test(
    `one gets it when the lock is that of a dead owner, ${TIMES} times`,
    async () => {
      const dir = directory()
      const [dead, ...rivals] = (await startPuppets(4)) as [Puppet, ...Puppet[]]
      await dead.call('open', { dir })
      await dead.killAndWait()
      const lock = readFileSync(lockPath(dir), 'utf8')
      for (let round = 0; round < TIMES; round++) {
        writeLock(dir, lock)
        const owner = await race(dir, rivals, `round ${round}`)
        await owner.call('close')
      }
      expect(namesAndSockets(dir)).toEqual(['store.log', 'store.mark'])
    },
    TIMEOUT_MS,
  )
})

test(
  'each time the owner is killed, exactly one of its rivals gets the store',
  async () => {
    const dir = directory()
    let rivals = await startPuppets(6)
    const times = rounds(12, 300)
    for (let round = 0; round < times; round++) {
      const owner = await race(dir, rivals, `round ${round}`)
      await owner.call('set', `round ${round}`, round)
      expect(Object.keys(await owner.call<object>('state'))).toHaveLength(round + 1)
      const [another] = await Promise.all([startPuppets(1), owner.killAndWait()])
      rivals = [...rivals.filter((puppet) => puppet !== owner), ...another]
    }
    const owner = await race(dir, rivals, 'at the end')
    await owner.call('close')
    expect(namesAndSockets(dir)).toEqual(['store.log', 'store.mark'])
  },
  TIMEOUT_MS,
)

/** Processes that compete for the store until each has owned it `times` times or is killed. */
class Rivals {
  /** The count that each owner wrote. Two owners at the same time would write the same one. */
  readonly counts: number[] = []
  /** Owners that found another owner at the same time. */
  readonly notAlone: string[] = []
  refused = 0
  readonly #killed = new Set<string>()

  constructor(private readonly dir: string) {}

  start(times: number): Run {
    return run(childPath('rival'), [this.dir, join(this.dir, 'witness'), String(times)], (line) => {
      const { count, refused, other } = JSON.parse(line) as { count: number; refused: number; other: string }
      this.counts.push(count)
      this.refused += refused
      // A killed owner could not remove its witness.
      if (other !== '' && !this.#killed.has(other))
        this.notAlone.push(`${other} at the same time as owner number ${count}`)
    })
  }

  begin(rival: Run): void {
    rival.child.stdin?.write('\n')
  }

  async kill(rival: Run): Promise<void> {
    this.#killed.add(String(rival.child.pid))
    rival.child.kill('SIGKILL')
    expect((await rival.ended).signal).toBe('SIGKILL')
  }
}

/** The pid in the lock at this moment, if there is one. */
function ownerNow(dir: string): number | undefined {
  try {
    return readLock(dir).pid
  } catch {
    return undefined
  }
}

describe('processes that open and close the store as fast as they can', () => {
  test(
    'never own it at the same time',
    async () => {
      const dir = directory()
      const rivals = new Rivals(dir)
      const times = rounds(30, 1000)
      const running = [rivals.start(times), rivals.start(times), rivals.start(times)]
      for (const rival of running) rivals.begin(rival)
      const endings = await Promise.all(running.map((rival) => rival.ended))
      expect(endings).toEqual(running.map(() => ({ code: 0, signal: null })))
      expect(rivals.notAlone).toEqual([])
      expect(rivals.counts.sort((a, b) => a - b)).toEqual(Array.from({ length: 3 * times }, (_, index) => index + 1))
      expect(namesAndSockets(dir)).toEqual(['store.log', 'store.mark'])
      // Otherwise no process ever tried while another one owned the store.
      expect(rivals.refused).toBeGreaterThan(0)
    },
    TIMEOUT_MS,
  )

  test(
    'never own it at the same time when one after the other is killed',
    async () => {
      await withSeed(async (random) => {
        const dir = directory()
        const rivals = new Rivals(dir)
        const running = Array.from({ length: 3 }, () => rivals.start(Number.MAX_SAFE_INTEGER))
        for (const rival of running) rivals.begin(rival)
        const kills = rounds(20, 500)
        for (let kill = 0; kill < kills; kill++) {
          const next = rivals.start(Number.MAX_SAFE_INTEGER)
          const owners = rivals.counts.length
          await expect.poll(() => rivals.counts.length, { interval: 1, timeout: 120_000 }).toBeGreaterThan(owners)
          await moment(30 * random.next())
          // Mostly the owner, or the process that is about to be it; now and then any.
          const owner = random.below(4) ? running.findIndex(({ child }) => child.pid === ownerNow(dir)) : -1
          const [victim] = running.splice(owner < 0 ? random.below(running.length) : owner, 1) as [Run]
          await rivals.kill(victim)
          rivals.begin(next)
          running.push(next)
        }
        for (const rival of running) await rivals.kill(rival)
        expect(rivals.notAlone).toEqual([])
        expect(new Set(rivals.counts).size).toBe(rivals.counts.length)
        await using store = await openOn(machine(), { dir, lockWaitMs: 0 })
        expect(store.recovery).toMatchObject({ damage: [], inDoubt: [] })
        const count = store.get('count') as number
        // A killed owner may have written a count without reporting it.
        expect(count).toBeGreaterThanOrEqual(Math.max(...rivals.counts))
        expect(count).toBeLessThanOrEqual(rivals.counts.length + kills + running.length)
        console.info(`${count} owners, ${rivals.refused} refusals, ${kills} kills`)
      })
    },
    TIMEOUT_MS,
  )
})
