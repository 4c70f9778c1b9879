import type { StoreOptions } from '../support/core.js'
import { Random } from '../support/random.js'
import { Author } from './author.js'
import { MemoryDisk } from './memory-disk.js'
import { DIR, LOGS } from './opening.js'

/** The stores to damage, written by the engine, with a separate account of their contents. */

export interface Subject {
  readonly name: string
  readonly disk: MemoryDisk
  readonly options: StoreOptions
  readonly author: Author
  /** Its owner was killed: it still has a lock, and the log goes on after its mark. */
  readonly isKilled: boolean
  /** Earlier files of the same store, as an operator could put them back. */
  readonly earlier: MemoryDisk
}

export const LOG = `${LOGS}/store.log`
export const MARK = `${LOGS}/store.mark`
export const MAIN = `${DIR}/store.json`

export function backupsOf(disk: MemoryDisk): string[] {
  return disk.paths.filter((path) => path.includes('.log.backup.'))
}

/** More than half a part, so that every such value begins a new part. */
const BIG_BYTES = 4300

const big = (author: Author, name: string) =>
  author.set(`${name}:big`, `${name} ${author.lastSeq}`.padEnd(BIG_BYTES, '.'))

/** Writes generations, each longer than the last; the checkpoint then has `count` parts. */
async function generations(author: Author, random: Random, count: number): Promise<void> {
  for (let number = 0; number < count; number++) {
    await big(author, 'bdac'[number] as string)
    await author.some(random, 8)
    if (author.lastSeq < 15)
      await author.replace({ 'a:1': 'replaced', 'b:big': 'y'.repeat(BIG_BYTES), 'c:3': [1, 2, 3] })
    await author.compact()
  }
}

class Maker {
  readonly disk = new MemoryDisk()
  readonly author: Author
  readonly random: Random
  #earlier: MemoryDisk | undefined

  constructor(
    private readonly name: string,
    boot: string,
    private readonly options: StoreOptions,
  ) {
    this.author = new Author(this.disk, options, boot)
    this.random = new Random(Number.parseInt(boot, 16))
  }

  /** Copies all files as the earlier ones. */
  async rememberEarlier(): Promise<void> {
    await this.author.close()
    this.#earlier = this.disk.copy()
    await this.author.open()
  }

  async closed(): Promise<Subject> {
    await this.author.close()
    return this.#subject(this.disk, false)
  }

  /** The files as a kill at this moment leaves them. */
  async killed(disk = this.disk.copy()): Promise<Subject> {
    const killed = this.#subject(disk, true)
    await this.author.close()
    return killed
  }

  #subject(disk: MemoryDisk, isKilled: boolean): Subject {
    const { name, options, author } = this
    return { name, disk, options, author, isKilled, earlier: this.#earlier ?? disk }
  }
}

/** Closed properly, with three backups, a checkpoint in parts and records after it. */
async function closed(): Promise<Subject> {
  const maker = new Maker('closed', '0000a001', { times: true })
  const { author, random } = maker
  await author.open()
  await generations(author, random, 3)
  await author.some(random, 5)
  await maker.rememberEarlier()
  await big(author, 'c')
  await author.compact()
  await author.some(random, 14)
  return await maker.closed()
}

/** Killed with records after the mark: some are covered by a later `synced`, some are not. */
async function killed(): Promise<Subject> {
  const maker = new Maker('killed', '0000a002', { durability: 'os' })
  const { author, random } = maker
  await author.open()
  await generations(author, random, 2)
  await maker.rememberEarlier()
  await generations(author, random, 2)
  await author.some(random, 6)
  await author.flush()
  await author.some(random, 8)
  return await maker.killed()
}

/** The whole state is in the header; one backup. */
async function small(): Promise<Subject> {
  const maker = new Maker('small', '0000a003', {})
  const { author, random } = maker
  await author.open()
  await author.batch({ 'a:1': 1, 'a:2': 'two', 'b:1': [3] }, [])
  await author.set('c:1', null)
  await author.delete('a:2')
  await author.compact()
  await author.set('a:3', { n: 3 })
  await maker.rememberEarlier()
  await author.set('a:1', 'again')
  await author.some(random, 4)
  return await maker.closed()
}

/** Without a backup: lost values stay lost and are in doubt. */
async function alone(): Promise<Subject> {
  const maker = new Maker('alone', '0000a004', { backups: 0 })
  const { author, random } = maker
  await author.open()
  await generations(author, random, 3)
  await maker.rememberEarlier()
  await author.some(random, 16)
  return await maker.closed()
}

/** Killed in a compaction without hard links: the newest backup is a copy of the log. */
async function halfPublished(): Promise<Subject> {
  const maker = new Maker('half published', '0000a005', {})
  const { disk, author, random } = maker
  disk.hasLinks = false
  await author.open()
  await generations(author, random, 2)
  await author.some(random, 5)
  await maker.rememberEarlier()
  await author.some(random, 9)
  let image: MemoryDisk | undefined
  disk.beforeChange = (change, path) => {
    if (change === 'rename' && path === LOG) image = disk.copy()
  }
  await author.compact()
  return await maker.killed(image)
}

/** An unrelated store of the same name. */
export async function foreignStore(): Promise<MemoryDisk> {
  const maker = new Maker('foreign', '0000a006', {})
  const { author, random } = maker
  await author.open()
  await generations(author, random, 2)
  await author.some(random, 9)
  return (await maker.closed()).disk
}

export async function makeSubjects(): Promise<Subject[]> {
  const subjects: Subject[] = []
  // One after the other, because they all have one name.
  for (const make of [closed, killed, small, alone, halfPublished]) subjects.push(await make())
  return subjects
}
