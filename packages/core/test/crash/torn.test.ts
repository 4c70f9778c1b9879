import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { useChildren } from '../support/children.js'
import { logPath } from '../support/files.js'
import { type LoadTask, planOf, whatIsIn } from '../support/load-task.js'
import { isLong, rounds } from '../support/long.js'
import { machine, openOn } from '../support/machine.js'
import { type Random, withSeed } from '../support/random.js'
import { useTempDirectory } from '../support/temp-directory.js'
import type { Plan } from '../support/workload.js'
import { expectPrefix, expectReady, Owner } from './owner.js'

const directory = useTempDirectory()
const childPath = useChildren('load')

const MIB = 1 << 20
const DURABILITIES = ['always', 'interval', 'os'] as const

/** Kills the owner while the log grows by its next write, when up to so many bytes of it are there. */
async function killInsideWrite(owner: Owner, dir: string, bytes: number): Promise<void> {
  await owner.writes()
  // The event loop stands meanwhile: a write of some megabytes is over within a few milliseconds.
  let size = statSync(logPath(dir)).size
  const goal = size + bytes
  const endMs = performance.now() + 300
  while (size <= goal && performance.now() < endMs) size = statSync(logPath(dir)).size
  owner.kill()
  expect((await owner.ended).signal).toBe('SIGKILL')
}

/** Kills the owner while it sets a torn tail aside; false where it does not, and goes on. */
async function killWhileItRepairs(owner: Owner, dir: string): Promise<boolean> {
  const before = quarantineFiles(dir).length
  while (!owner.found && !owner.hasEnded) {
    if (quarantineFiles(dir).length > before) {
      owner.kill()
      expect((await owner.ended).signal).toBe('SIGKILL')
      // It may have been faster, and then it has told what it found.
      return !owner.found
    }
    await new Promise((resolve) => setImmediate(resolve))
  }
  return false
}

function quarantineFiles(dir: string): string[] {
  const logs = join(dir, 'logs')
  return existsSync(logs) ? readdirSync(logs).filter((fileName) => fileName.includes('.quarantine.')) : []
}

/** What was cut is kept, and is the beginning of the record that was being written. */
function expectKept(kept: Buffer, plan: Plan): void {
  const step = plan.stepAt(plan.steps)
  if (step?.kind !== 'set') throw new Error('such a plan consists of values that are set')
  const start = kept.toString('utf8', 0, 200)
  const value = Buffer.from(JSON.stringify(step.value))
  // A tail that was torn within its first words says less.
  if (kept.length < 200) return
  expect(start).toContain(`"seq":${plan.steps + 1},`)
  expect(start).toContain(`"key":${JSON.stringify(step.key)}`)
  const rest = kept.subarray(start.indexOf('"value":') + '"value":'.length)
  expect(rest.compare(value, 0, Math.min(rest.length, value.length), 0, Math.min(rest.length, value.length))).toBe(0)
}

interface Writes {
  readonly times: number
  /** The values' sizes. */
  readonly minMiB: number
  readonly maxMiB: number
  /** How much of a write is there, at least, when it is torn. */
  readonly tornMiB: number
}

async function killAgainAndAgain(random: Random, { times, minMiB, maxMiB, tornMiB }: Writes): Promise<void> {
  const dir = directory()
  const name = { kind: 'huge', seed: random.seed, minMiB, maxMiB } as const
  const plan = planOf(name)
  let [acknowledged, slowestMs, round, torn, repairsCutShort, allCutShort] = [0, 0, 0, 0, 0, 0]
  const quarantined = new Set<string>()
  let next = new Owner(childPath('load'))
  for (; round < times || (torn === 0 && isLong && round < 5 * times); round++) {
    const owner = next
    const durability = DURABILITIES[round % DURABILITIES.length] as (typeof DURABILITIES)[number]
    const options = { dir, durability, mainFile: false, backups: 1, compaction: { minBytes: 2 * maxMiB * MIB } }
    const task: LoadTask = { options, plan: name, inFlight: 1 + random.below(2) }
    owner.begin(task)
    next = new Owner(childPath('load'))
    if (random.below(3) === 0 && (await killWhileItRepairs(owner, dir))) {
      repairsCutShort++
      allCutShort++
      continue
    }
    const found = await owner.opened
    const where = `round ${round}, ${durability}`
    expectPrefix(plan, found, acknowledged, where)
    expectReady(found.openMs, where, statSync(logPath(dir)).size + found.cutBytes)
    slowestMs = Math.max(slowestMs, found.openMs)
    const news = quarantineFiles(dir).filter((fileName) => !quarantined.has(fileName))
    const kept = news.map((fileName) => readFileSync(join(dir, 'logs', fileName)))
    for (const bytes of kept) expectKept(bytes, plan)
    if (found.cutBytes > 0) expect(kept.map(({ length }) => length)).toContain(found.cutBytes)
    // Whoever was killed in the middle of it may have left half of the same, or all.
    expect(kept.length, where).toBeLessThanOrEqual(repairsCutShort + (found.cutBytes > 0 ? 1 : 0))
    for (const fileName of news) quarantined.add(fileName)
    if (found.cutBytes > tornMiB * MIB) torn++
    repairsCutShort = 0
    if (owner.hasEnded) continue
    if (random.below(2)) await owner.acknowledges(found.lastSeq + 1)
    await killInsideWrite(owner, dir, (tornMiB + random.next() * random.pick([1, maxMiB - tornMiB])) * MIB)
    acknowledged = Math.max(acknowledged, owner.acknowledged)
  }
  next.kill()
  console.info(
    `${round} kills left ${torn} torn tails, ${allCutShort} kills while one was repaired; the slowest open took ${Math.ceil(slowestMs)} ms`,
  )
  // Whether a kill meets a write is a matter of luck.
  if (isLong) expect(torn).toBeGreaterThan(0)
  await using store = await openOn(machine(), { dir, lockWaitMs: 0, mainFile: false })
  expectPrefix(plan, whatIsIn(store), acknowledged, 'at the end')
  expect(await store.verify()).toMatchObject({ ok: true })
}

test(
  'killed inside writes of 1 to 16 MiB: what is torn is cut and kept, and nothing that was acknowledged is lost',
  async () => {
    await withSeed((random) => killAgainAndAgain(random, { times: rounds(12, 140), minMiB: 1, maxMiB: 16, tornMiB: 0 }))
  },
  rounds(60_000, 900_000),
)

// How long it takes until such a kill leaves a torn tail is a matter of luck; the simulated disk tears one for certain.
test.runIf(isLong)(
  'killed inside writes of more than 16 MiB',
  async () => {
    await withSeed((random) => killAgainAndAgain(random, { times: rounds(1, 20), minMiB: 20, maxMiB: 24, tornMiB: 17 }))
  },
  rounds(60_000, 900_000),
)
