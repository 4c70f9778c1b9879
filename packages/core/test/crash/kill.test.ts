import { existsSync, mkdirSync, readFileSync, watch } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { useChildren } from '../support/children.js'
import type { Durability } from '../support/core.js'
import { namesAndSockets } from '../support/files.js'
import { type LoadTask, whatIsIn } from '../support/load-task.js'
import { lockPath, readLock } from '../support/locks.js'
import { rounds } from '../support/long.js'
import { machine, openOn } from '../support/machine.js'
import { moment } from '../support/moment.js'
import { Random, withSeed } from '../support/random.js'
import { useTempDirectory } from '../support/temp-directory.js'
import { modelState, Workload } from '../support/workload.js'
import { expectPrefix, expectReady, Owner } from './owner.js'

const directory = useTempDirectory()
const childPath = useChildren('load')

const KILLS = rounds(200, 2000)
const DURABILITIES: readonly Durability[] = ['always', 'interval', 'os']

function load(dir: string, seed: number, durability: Durability, inFlight: number): LoadTask {
  // A low limit, so that there is always a compaction under way or about to be.
  const options = { dir, durability, syncIntervalMs: 10, compaction: { minBytes: 50_000 } }
  return { options, plan: { kind: 'workload', seed }, inFlight }
}

const KINDS = [
  'while it took the lock over',
  'while it opened the store',
  'after some writes',
  'at any time',
  'while it compacted',
] as const
type Kind = (typeof KINDS)[number]

/** Sees when there is an unfinished generation in the directory. */
class CompactionWatch implements Disposable {
  #begun = () => {}
  readonly #watcher

  constructor(private readonly logDirectory: string) {
    this.#watcher = watch(logDirectory, () => this.isUnderWay() && this.#begun())
  }

  isUnderWay(): boolean {
    return existsSync(join(this.logDirectory, 'store.log.new'))
  }

  next(): Promise<void> {
    return new Promise((resolve) => {
      this.#begun = resolve
    })
  }

  [Symbol.dispose](): void {
    this.#watcher.close()
  }
}

/** The file by which a successor of the last owner claims its lock; undefined where there is no lock. */
function claimPath(dir: string): string | undefined {
  return existsSync(lockPath(dir)) ? `${lockPath(dir)}.after-${readLock(dir).token}` : undefined
}

/** Resolves when the owner, which was told to open the store, is to be killed. */
async function momentToKill(
  kind: Kind,
  owner: Owner,
  claim: string | undefined,
  compactions: CompactionWatch,
  random: Random,
): Promise<void> {
  if (kind === 'while it opened the store') return await moment(random.next() * 30)
  if (kind === 'while it took the lock over') {
    // The claim is there for a fraction of a millisecond: no event would come in time.
    const endMs = performance.now() + 200
    while (claim && !existsSync(claim) && performance.now() < endMs);
    return
  }
  const { lastSeq } = await owner.opened
  if (kind === 'after some writes') return await owner.acknowledges(lastSeq + 1 + random.below(300))
  if (kind === 'at any time') return await moment(random.next() * 40)
  await Promise.race([compactions.next(), owner.ended])
  // At its start, or somewhat later: it takes a few milliseconds.
  await moment(random.pick([0, random.next(), 4 * random.next()]))
}

test(
  `${KILLS} times kill -9 on one store: the next owner is ready at once and has all that was acknowledged`,
  async () => {
    await withSeed(async (random) => {
      const dir = directory()
      mkdirSync(join(dir, 'logs'))
      using compactions = new CompactionWatch(join(dir, 'logs'))
      const plan = new Workload(new Random(random.seed))
      const seen = new Map<string, number>()
      const count = (what: string) => seen.set(what, (seen.get(what) ?? 0) + 1)
      let [acknowledged, slowestOpenMs, slowestMs] = [0, 0, 0]

      /** What an owner found, once it is dead. */
      const check = async (owner: Owner, formerKilledAtMs: number, where: string) => {
        expect((await owner.ended).signal).toBe('SIGKILL')
        if (!owner.found) return
        count('opened')
        expectPrefix(plan, owner.found, acknowledged, where)
        acknowledged = Math.max(acknowledged, owner.acknowledged)
        if (owner.found.cutBytes > 0) count('torn')
        expectReady(owner.found.openMs, where)
        slowestOpenMs = Math.max(slowestOpenMs, owner.found.openMs)
        slowestMs = Math.max(slowestMs, owner.openedAtMs - formerKilledAtMs)
      }

      let owner = new Owner(childPath('load'))
      let [killedAtMs, checked] = [performance.now(), Promise.resolve()]
      for (let round = 0; round < KILLS; round++) {
        const durability = DURABILITIES[round % DURABILITIES.length] as Durability
        const claim = claimPath(dir)
        // Mostly it does not wait for the end of the one before: whoever restarts a program may be as quick.
        owner.begin(load(dir, random.seed, durability, 1 + random.below(60)))
        // Started while this one works, as starting a process takes longer than all the rest.
        const next = new Owner(childPath('load'))
        const kind = random.pick(KINDS)
        await momentToKill(kind, owner, claim, compactions, random)
        owner.kill()
        count(kind)
        if (claim && existsSync(claim)) count('left a claim')
        if (compactions.isUnderWay()) count('left an unfinished generation')
        await checked
        checked = check(owner, killedAtMs, `round ${round}, ${durability}`)
        checked.catch(() => {})
        killedAtMs = performance.now()
        owner = next
        if (round % 20 < 19) continue
        await checked
        await using reader = await openOn(machine(), { dir, readOnly: true })
        expectPrefix(plan, whatIsIn(reader), acknowledged, `read after round ${round}`)
      }
      await checked
      owner.kill()
      console.info(
        `${KILLS} kills: ${[...seen].map((each) => each.reverse().join(' ')).join(', ')}; ${acknowledged} writes. The slowest open took ` +
          `${Math.ceil(slowestOpenMs)} ms; from a kill to the next one's word it was at most ${Math.ceil(slowestMs)} ms`,
      )
      for (const kind of [...KINDS, 'left a claim', 'left an unfinished generation'])
        expect(seen.get(kind), kind).toBeGreaterThan(0)

      const store = await openOn(machine(), { dir, lockWaitMs: 0 })
      expectPrefix(plan, whatIsIn(store), acknowledged, 'at the end')
      expect((store.stats() as { checkpointSeq: number }).checkpointSeq).toBeGreaterThan(0)
      expect(await store.verify()).toMatchObject({ ok: true, damage: [] })
      await store.close()
      expect(JSON.parse(readFileSync(join(dir, 'store.json'), 'utf8'))).toEqual(modelState(plan.state))
      // Whatever the killed ones had begun is tidied away; what was cut is kept.
      const left = namesAndSockets(dir).filter((fileName) => !/\.(backup|quarantine)\./.test(fileName))
      expect(left).toEqual(['store.log', 'store.mark'])
    })
  },
  rounds(90_000, 900_000),
)

describe('SIGTERM under load', () => {
  test.each(DURABILITIES)('ends the process and loses nothing (%s)', async (durability) => {
    await withSeed(async (random) => {
      const dir = directory()
      const owner = new Owner(childPath('load'))
      owner.begin(load(dir, random.seed, durability, 20))
      await owner.acknowledges(400 + random.below(400))
      owner.kill('SIGTERM')
      // The store has no signal handlers of its own, and does nothing to those of its program.
      expect((await owner.ended).signal).toBe('SIGTERM')
      await using store = await openOn(machine(), { dir, lockWaitMs: 0 })
      expectPrefix(new Workload(new Random(random.seed)), whatIsIn(store), owner.acknowledged, durability)
    })
  })
})
