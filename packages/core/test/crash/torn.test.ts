import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { useChildren } from '../support/children.js'
import { logPath } from '../support/files.js'
import { contentsOf, type LoadTask, planOf } from '../support/load-task.js'
import { isLong, rounds } from '../support/long.js'
import { machine, openOn } from '../support/machine.js'
import { type Random, withSeed } from '../support/random.js'
import type { StopAt } from '../support/stop-after.js'
import { useTempDirectory } from '../support/temp-directory.js'
import type { Plan } from '../support/workload.js'
import { expectPrefix, expectReady, Owner } from './owner.js'

const directory = useTempDirectory()
const childPath = useChildren('load')

const MIB = 1 << 20
const DURABILITIES = ['always', 'interval', 'os'] as const

/** Kills the owner while the system carries out its next write, or soon after it. */
async function killInsideWrite(owner: Owner, dir: string, bytes: number): Promise<void> {
  await owner.writes()
  const goal = statSync(logPath(dir)).size + bytes
  while (owner.isWriting && statSync(logPath(dir)).size <= goal) await new Promise((resolve) => setImmediate(resolve))
  owner.kill()
  expect((await owner.ended).signal).toBe('SIGKILL')
}

function quarantineFiles(dir: string): string[] {
  const logs = join(dir, 'logs')
  return existsSync(logs) ? readdirSync(logs).filter((fileName) => fileName.includes('.quarantine.')) : []
}

/** Expects that the bytes that were cut off begin the record that was being written. */
function expectKept(kept: Buffer, plan: Plan): void {
  const step = plan.stepAt(plan.steps)
  if (step?.kind !== 'set') throw new Error('this plan must consist of sets')
  const start = kept.toString('utf8', 0, 200)
  const value = Buffer.from(JSON.stringify(step.value))
  // A record that is torn within its first fields is too short to check.
  if (kept.length < 200) return
  expect(start).toContain(`"seq":${plan.steps + 1},`)
  expect(start).toContain(`"key":${JSON.stringify(step.key)}`)
  const rest = kept.subarray(start.indexOf('"value":') + '"value":'.length)
  expect(rest.compare(value, 0, Math.min(rest.length, value.length), 0, Math.min(rest.length, value.length))).toBe(0)
}

interface Writes {
  readonly times: number
  /** The sizes of the values. */
  readonly minMiB: number
  readonly maxMiB: number
  /** A torn write has written at least this much. */
  readonly tornMiB: number
}

/**
 * The call in which the owner of a round stops: in a write or in its repair.
 * Undefined if it is killed in a system call, which may come too late.
 */
function stopFor(round: number, { minMiB, tornMiB }: Writes, random: Random): StopAt | undefined {
  const leastShare = tornMiB / minMiB
  const share = leastShare + (1 - leastShare) * random.next()
  // Every second time the next owner is one that is not killed in its repair.
  if (round % 2 === 0)
    return { on: '\\.log(\\.first|\\.new)?$', nth: 1 + random.below(4), share, minBytes: minMiB * MIB }
  if (round % 4 === 3) return { on: '\\.quarantine\\.', nth: 1 + random.below(3), share }
  return undefined
}

async function killAgainAndAgain(random: Random, writes: Writes): Promise<void> {
  const { times, minMiB, maxMiB, tornMiB } = writes
  const dir = directory()
  const name = { kind: 'huge', seed: random.seed, minMiB, maxMiB } as const
  const plan = planOf(name)
  let [acknowledged, slowestMs, torn, repairsCutShort, allCutShort] = [0, 0, 0, 0, 0]
  const quarantined = new Set<string>()
  let next = new Owner(childPath('load'))
  for (let round = 0; round < times; round++) {
    const owner = next
    const durability = DURABILITIES[random.below(DURABILITIES.length)] as (typeof DURABILITIES)[number]
    const options = { dir, durability, mainFile: false, backups: 1, compaction: { minBytes: 2 * maxMiB * MIB } }
    const stopAt = stopFor(round, writes, random)
    const task: LoadTask = { options, plan: name, inFlight: 1 + random.below(2), stopAt }
    owner.begin(task)
    next = new Owner(childPath('load'))
    const stopped = owner.stops()
    stopped.catch(() => {})
    await Promise.race([stopped, owner.opened])
    const where = `round ${round}, ${durability}`
    if (!owner.found) {
      owner.kill()
      expect((await owner.ended).signal, where).toBe('SIGKILL')
      repairsCutShort++
      allCutShort++
      continue
    }
    const { found } = owner
    expectPrefix(plan, found, acknowledged, where)
    expectReady(found, where, statSync(logPath(dir)).size + found.cutBytes)
    slowestMs = Math.max(slowestMs, found.openMs)
    const news = quarantineFiles(dir).filter((fileName) => !quarantined.has(fileName))
    const kept = news.map((fileName) => readFileSync(join(dir, 'logs', fileName)))
    for (const bytes of kept) expectKept(bytes, plan)
    if (found.cutBytes > 0) expect(kept.map(({ length }) => length)).toContain(found.cutBytes)
    // An owner that was killed in its repair may have left the same torn tail, or half of it.
    expect(kept.length, where).toBeLessThanOrEqual(repairsCutShort + (found.cutBytes > 0 ? 1 : 0))
    for (const fileName of news) quarantined.add(fileName)
    if (found.cutBytes > tornMiB * MIB) torn++
    repairsCutShort = 0
    if (stopAt?.on.includes('log')) {
      await stopped
      owner.kill()
      expect((await owner.ended).signal, where).toBe('SIGKILL')
    } else await killInsideWrite(owner, dir, (tornMiB + random.next() * random.pick([1, maxMiB - tornMiB])) * MIB)
    acknowledged = Math.max(acknowledged, owner.acknowledged)
  }
  next.kill()
  console.info(
    `${times} kills: ${torn} torn tails, ${allCutShort} repairs cut short; slowest opening ${Math.ceil(slowestMs)} ms`,
  )
  expect(torn).toBeGreaterThan(0)
  await using store = await openOn(machine(), { dir, lockWaitMs: 0, mainFile: false })
  expectPrefix(plan, contentsOf(store), acknowledged, 'at the end')
  expect(await store.verify()).toMatchObject({ ok: true })
}

test(
  'kills inside writes of 1 to 16 MiB: the torn tail is cut and kept, and no acknowledged write is lost',
  async () => {
    await withSeed((random) => killAgainAndAgain(random, { times: rounds(12, 140), minMiB: 1, maxMiB: 16, tornMiB: 0 }))
  },
  rounds(300_000, 3_600_000),
)

// simulation/long-record.test.ts does the same on the simulated disk.
test.runIf(isLong)(
  'kills inside writes of more than 16 MiB',
  async () => {
    await withSeed((random) => killAgainAndAgain(random, { times: 40, minMiB: 20, maxMiB: 24, tornMiB: 17 }))
  },
  3_600_000,
)
