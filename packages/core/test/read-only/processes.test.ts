import { expect, test } from 'vitest'
import { Owner } from '../crash/owner.js'
import { useChildren } from '../support/children.js'
import { type Clock, type Durability, type OpenFile, type OpenMode, type Store, systemClock } from '../support/core.js'
import { FaultyFileSystem } from '../support/faulty-file-system.js'
import { fingerprint } from '../support/fingerprint.js'
import type { LoadTask } from '../support/load-task.js'
import { rounds } from '../support/long.js'
import { machine, openOn } from '../support/machine.js'
import { moment } from '../support/moment.js'
import { Random, withSeed } from '../support/random.js'
import { useRejectionWatch } from '../support/rejections.js'
import { useTempDirectory } from '../support/temp-directory.js'
import { Workload } from '../support/workload.js'
import { CHANGING, Mirror } from './shared-disk.js'

const directory = useTempDirectory()
const childPath = useChildren('load')
useRejectionWatch()

/**
 * A clock without timers: the reader looks only at flush.
 * So a watcher has received every change that was read.
 */
const untimed: Clock = { ...systemClock, setTimer: () => ({ cancel() {} }) }

/** The file system of the machine, which refuses every change. */
class ReadingFileSystem extends FaultyFileSystem {
  override open(path: string, mode: OpenMode): OpenFile {
    if (mode !== 'read') throw new Error(`${path} is opened for writing`)
    return super.open(path, mode)
  }

  get changes(): string[] {
    return this.calls.filter(({ kind }) => CHANGING.has(kind)).map(({ kind, path }) => `${kind} ${path}`)
  }
}

/** Compares the state of a reader with that of the plan of the writer at the same record. */
class Witness {
  readonly #plan: Workload
  readonly #mirror: Mirror
  #checkpointSeq = -1
  checkpoints = 0

  constructor(
    private readonly reader: Store,
    seed: number,
  ) {
    this.#plan = new Workload(new Random(seed))
    this.#mirror = new Mirror(reader)
  }

  look(where: string): void {
    const { reader } = this
    const { lastSeq, checkpointSeq } = reader.stats() as { lastSeq: number; checkpointSeq: number }
    expect(lastSeq, where).toBeGreaterThanOrEqual(this.#plan.steps)
    while (this.#plan.steps < lastSeq) this.#plan.next()
    const wanted = fingerprint(this.#plan.state)
    expect(fingerprint(reader.entries()), `${where}, at record ${lastSeq}`).toBe(wanted)
    expect(this.#mirror.fingerprint, `${where}, changes received up to record ${lastSeq}`).toBe(wanted)
    const [key] = this.#plan.state.keys()
    if (key !== undefined) expect(reader.get(key)).toEqual(this.#plan.state.get(key))
    expect(reader.recovery, where).toMatchObject({ damage: [], inDoubt: [] })
    if (checkpointSeq !== this.#checkpointSeq) this.checkpoints++
    this.#checkpointSeq = checkpointSeq
  }
}

function load(dir: string, seed: number, durability: Durability, inFlight: number): LoadTask {
  const options = { dir, durability, syncIntervalMs: 10, compaction: { minBytes: 50_000 } }
  return { options, plan: { kind: 'workload', seed }, inFlight }
}

test('a reader of a writer in another process reads no wrong value in fifty compactions, and writes nothing', async () => {
  await withSeed(async ({ seed }) => {
    const dir = directory()
    const owner = new Owner(childPath('load'))
    owner.begin(load(dir, seed, 'os', 8))
    await owner.opened
    const fileSystem = new ReadingFileSystem()
    await using reader = await openOn(machine({ clock: untimed, fileSystem }), { dir, readOnly: true })
    const witness = new Witness(reader, seed)
    let looks = 0
    while (witness.checkpoints <= 50) {
      await reader.flush()
      witness.look(`look ${++looks}`)
    }
    owner.kill()
    await owner.ended
    await reader.flush()
    witness.look('at the end')
    expect(reader.stats().lastSeq).toBeGreaterThanOrEqual(owner.acknowledged)
    expect(reader.health().problems).toEqual([])
    expect(fileSystem.changes).toEqual([])
    expect(fileSystem.openFiles.size).toBe(1)
  })
}, 300_000)

test(
  'a reader of writers that are killed one after the other follows each next one',
  async () => {
    await withSeed(async (random) => {
      const { seed } = random
      const dir = directory()
      let owner = new Owner(childPath('load'))
      owner.begin(load(dir, seed, 'os', 8))
      await owner.opened
      const fileSystem = new ReadingFileSystem()
      await using reader = await openOn(machine({ clock: untimed, fileSystem }), { dir, readOnly: true })
      const witness = new Witness(reader, seed)
      for (let round = 0; round < rounds(15, 300); round++) {
        for (let looks = random.below(10); looks >= 0; looks--) {
          await moment(random.next() * 3)
          await reader.flush()
          witness.look(`round ${round}`)
        }
        owner.kill()
        await owner.ended
        await reader.flush()
        witness.look(`round ${round}, after the kill`)
        expect(reader.stats().lastSeq).toBeGreaterThanOrEqual(owner.acknowledged)
        owner = new Owner(childPath('load'))
        owner.begin(load(dir, seed, random.pick(['always', 'interval', 'os'] as const), 1 + random.below(40)))
        await owner.opened
      }
      expect(fileSystem.changes).toEqual([])
    })
  },
  rounds(300_000, 3_600_000),
)
