import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { useChildren } from '../support/children.js'
import type { Durability } from '../support/core.js'
import { namesAndSockets } from '../support/files.js'
import { contentsOf, type LoadTask } from '../support/load-task.js'
import { lockPath, readLock } from '../support/locks.js'
import { rounds } from '../support/long.js'
import { machine, openOn } from '../support/machine.js'
import { moment } from '../support/moment.js'
import { Random, withSeed } from '../support/random.js'
import type { StopAt } from '../support/stop-after.js'
import { useTempDirectory } from '../support/temp-directory.js'
import { modelState, Workload } from '../support/workload.js'
import { expectPrefix, expectReady, Owner } from './owner.js'

const directory = useTempDirectory()
const childPath = useChildren('load')

const KILLS = rounds(40, 2000)
const DURABILITIES: readonly Durability[] = ['always', 'interval', 'os']

function load(dir: string, seed: number, durability: Durability, inFlight: number): LoadTask {
  // A low limit, so that there is always a compaction in progress or about to begin.
  const options = { dir, durability, syncIntervalMs: 10, compaction: { minBytes: 50_000 } }
  return { options, plan: { kind: 'workload', seed }, inFlight }
}

const KINDS = [
  'in the takeover of the lock',
  'in the opening',
  'in a compaction',
  'inside a write',
  'after some writes',
  'at any time',
] as const
type Kind = (typeof KINDS)[number]

/**
 * The call in which the owner stops to be killed.
 * So every kind of kill is certain to happen.
 */
function stopFor(kind: Kind, hasLock: boolean, random: Random): StopAt | undefined {
  // Only a lock that the last owner left is taken over.
  if (kind === 'in the takeover of the lock' && hasLock) return { on: '\\.lock\\.after-', nth: 1 + random.below(2) }
  if (kind === 'in the opening') return { on: '.', nth: 1 + random.below(12) }
  if (kind === 'in a compaction') return { on: '\\.log\\.new', nth: 1 + random.below(6) }
  // A log that a compaction has made keeps the path under which it was opened.
  if (kind === 'inside a write')
    return { on: '\\.log(\\.first|\\.new)?$', nth: 1 + random.below(40), share: random.next() }
  return undefined
}

/** The file with which the next owner claims the lock; undefined if there is no lock. */
function claimPath(dir: string): string | undefined {
  return existsSync(lockPath(dir)) ? `${lockPath(dir)}.after-${readLock(dir).token}` : undefined
}

test(
  `each owner after ${KILLS} kills is ready soon and reads all acknowledged writes`,
  async () => {
    await withSeed(async (random) => {
      const dir = directory()
      const plan = new Workload(new Random(random.seed))
      const seen = new Map<string, number>()
      const count = (what: string) => seen.set(what, (seen.get(what) ?? 0) + 1)
      let [acknowledged, slowestOpenMs] = [0, 0]

      /** Checks what an owner found, after it has been killed. */
      const check = async (owner: Owner, where: string) => {
        expect((await owner.ended).signal).toBe('SIGKILL')
        if (!owner.found) return
        count('opened')
        expectPrefix(plan, owner.found, acknowledged, where)
        acknowledged = Math.max(acknowledged, owner.acknowledged)
        if (owner.found.cutBytes > 0) count('torn')
        expectReady(owner.found, where)
        slowestOpenMs = Math.max(slowestOpenMs, owner.found.openMs)
      }

      let owner = new Owner(childPath('load'))
      let checked = Promise.resolve()
      for (let round = 0; round < KILLS; round++) {
        const durability = DURABILITIES[round % DURABILITIES.length] as Durability
        const kind = KINDS[random.below(KINDS.length)] as Kind
        const claim = claimPath(dir)
        const stopAt = stopFor(kind, claim !== undefined, random)
        // It does not always wait for the end of the last one, like a program that is restarted quickly.
        owner.begin({ ...load(dir, random.seed, durability, 1 + random.below(60)), stopAt })
        // Started now, as starting a process takes longer than all the rest.
        const next = new Owner(childPath('load'))
        if (stopAt) await owner.stops()
        else if (kind === 'after some writes') {
          const { lastSeq } = await owner.opened
          await owner.acknowledges(lastSeq + 1 + random.below(300))
        } else await moment(random.next() * 60)
        owner.kill()
        count(kind)
        if (claim && existsSync(claim)) count('left a claim')
        if (existsSync(join(dir, 'logs', 'store.log.new'))) count('left an unfinished generation')
        await checked
        checked = check(owner, `round ${round}, ${kind}, ${durability}`)
        checked.catch(() => {})
        owner = next
        if (round % 20 < 19) continue
        await checked
        await using reader = await openOn(machine(), { dir, readOnly: true })
        expectPrefix(plan, contentsOf(reader), acknowledged, `read after round ${round}`)
      }
      await checked
      owner.kill()
      const counts = [...seen].map(([what, times]) => `${times} ${what}`).join(', ')
      console.info(`${KILLS} kills: ${counts}; ${acknowledged} writes; slowest opening ${Math.ceil(slowestOpenMs)} ms`)
      for (const kind of [...KINDS, 'torn', 'left a claim', 'left an unfinished generation'])
        expect(seen.get(kind), kind).toBeGreaterThan(0)

      const store = await openOn(machine(), { dir, lockWaitMs: 0 })
      expectPrefix(plan, contentsOf(store), acknowledged, 'at the end')
      expect((store.stats() as { checkpointSeq: number }).checkpointSeq).toBeGreaterThan(0)
      expect(await store.verify()).toMatchObject({ ok: true, damage: [] })
      await store.close()
      expect(JSON.parse(readFileSync(join(dir, 'store.json'), 'utf8'))).toEqual(modelState(plan.state))
      // Unfinished files of the killed owners are removed; torn tails are kept.
      const left = namesAndSockets(dir).filter((fileName) => !/\.(backup|quarantine)\./.test(fileName))
      expect(left).toEqual(['store.log', 'store.mark'])
    })
  },
  rounds(600_000, 7_200_000),
)

describe('SIGTERM under load', () => {
  test.each(DURABILITIES)('ends the process and loses nothing (%s)', async (durability) => {
    await withSeed(async (random) => {
      const dir = directory()
      const owner = new Owner(childPath('load'))
      owner.begin(load(dir, random.seed, durability, 20))
      await owner.acknowledges(400 + random.below(400))
      owner.kill('SIGTERM')
      // The store installs no signal handlers, and leaves those of the program alone.
      expect((await owner.ended).signal).toBe('SIGTERM')
      await using store = await openOn(machine(), { dir, lockWaitMs: 0 })
      expectPrefix(new Workload(new Random(random.seed)), contentsOf(store), owner.acknowledged, durability)
    })
  })
})
