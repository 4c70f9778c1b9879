import type { Random } from '../support/random.js'
import { Inode, type Survival } from './inode.js'

/**
 * A disk in memory with a live image, which processes see, and a durable one, which survives a power cut.
 *
 * `posix` promises no more than the standard: a change of a name is durable after its directory has been synced, and
 * before that each change may or may not be on disk. `ext4` writes changes of names in order, and every sync of a file
 * makes all earlier ones durable.
 */
export type Profile = 'posix' | 'ext4'

export type Entry = Inode | Directory

interface Change {
  readonly tick: number
  /** Names that change together, because a rename is atomic. */
  readonly names: readonly (readonly [name: string, entry: Entry | undefined])[]
}

export class Directory {
  live = new Map<string, Entry>()
  durable = new Map<string, Entry>()
  changes: Change[] = []

  change(tick: number, ...names: [string, Entry | undefined][]): void {
    apply(this.live, names)
    this.changes.push({ tick, names })
  }

  synced(tick: number): void {
    for (const change of this.changes) if (change.tick <= tick) apply(this.durable, change.names)
    this.changes = this.changes.filter((change) => change.tick > tick)
  }
}

function apply(names: Map<string, Entry>, changed: Change['names']): void {
  for (const [name, entry] of changed) {
    if (entry) names.set(name, entry)
    else names.delete(name)
  }
}

export class SimulatedDisk {
  readonly profile: Profile
  #root = new Directory()
  #tick = 0
  #nextId = 1

  constructor(profile: Profile) {
    this.profile = profile
  }

  get root(): Directory {
    return this.#root
  }

  /** The number of changes so far. A sync that begins now covers all of them. */
  get tick(): number {
    return this.#tick
  }

  nextTick(): number {
    return ++this.#tick
  }

  newInode(): Inode {
    return new Inode(this.#nextId++)
  }

  /** A sync of this file, which began at that tick, has succeeded. */
  fileSynced(inode: Inode, tick: number): void {
    inode.synced(tick)
    if (this.profile === 'ext4') this.#namesSynced(this.#root, tick)
  }

  directorySynced(directory: Directory, tick: number): void {
    if (this.profile === 'ext4') this.#namesSynced(this.#root, tick)
    else directory.synced(tick)
  }

  #namesSynced(directory: Directory, tick: number): void {
    directory.synced(tick)
    for (const entry of directory.live.values()) if (entry instanceof Directory) this.#namesSynced(entry, tick)
  }

  /** True if a power cut could change anything except files of these names. */
  isDirty(except: RegExp): boolean {
    return isDirty(this.#root, except)
  }

  /** The file with this number, whatever its name. */
  inode(id: number): Inode | undefined {
    return findInode(this.#root, id)
  }

  /**
   * The disk as the next boot finds it.
   * This one does not change, so one moment can have many power cuts.
   */
  afterPowerCut(random: Random): SimulatedDisk {
    const survival = chooseSurvival(random, this.#tick, this.profile)
    const after = new SimulatedDisk(this.profile)
    after.#tick = this.#tick
    after.#nextId = this.#nextId
    const known = new Map<Inode, Inode>()
    after.#root = survivingDirectory(this.#root, survival, known)
    return after
  }

  clone(): SimulatedDisk {
    const copy = new SimulatedDisk(this.profile)
    copy.#tick = this.#tick
    copy.#nextId = this.#nextId
    const known = new Map<Entry, Entry>()
    const cloneOf = (entry: Entry): Entry => {
      const there = known.get(entry)
      if (there) return there
      if (entry instanceof Inode) {
        const inode = entry.clone()
        known.set(entry, inode)
        return inode
      }
      const directory = new Directory()
      known.set(entry, directory)
      const cloneNames = (names: Map<string, Entry>) => new Map([...names].map(([name, each]) => [name, cloneOf(each)]))
      directory.live = cloneNames(entry.live)
      directory.durable = cloneNames(entry.durable)
      directory.changes = entry.changes.map(({ tick, names }) => ({
        tick,
        names: names.map(([name, each]) => [name, each && cloneOf(each)]),
      }))
      return directory
    }
    copy.#root = cloneOf(this.#root) as Directory
    return copy
  }
}

function isDirty({ live, changes }: Directory, except: RegExp): boolean {
  if (changes.some(({ names }) => names.some(([name]) => !except.test(name)))) return true
  const entries = [...live].filter(([name]) => !except.test(name)).map(([, entry]) => entry)
  return entries.some((entry) => (entry instanceof Directory ? isDirty(entry, except) : entry.isDirty))
}

function findInode(directory: Directory, id: number): Inode | undefined {
  for (const entry of directory.live.values()) {
    const found = entry instanceof Directory ? findInode(entry, id) : entry.id === id ? entry : undefined
    if (found) return found
  }
  return undefined
}

/**
 * Chooses how changes survive.
 * In one way for all or, with `posix`, differently for each file and directory.
 */
function chooseSurvival(random: Random, tick: number, profile: Profile): () => Survival {
  const tearBytes = random.pick([512, 4096] as const)
  const grown = profile === 'posix' ? random.pick(['zeros', 'garbage'] as const) : 'zeros'
  const some = { tearBytes, grown, random }
  const until = random.below(tick + 1)
  // Changes that survive in no order get most of the chances: they find most bugs.
  const [none, all, inOrder, any] = profile === 'posix' ? [1, 2, 4, 7] : [1, 2, 4, 4]
  const dice = random.below(profile === 'posix' ? 10 : 4)
  if (dice < none) return () => ({ ...some, which: { until: 0 } })
  if (dice < all) return () => ({ ...some, which: { until: tick } })
  if (dice < inOrder) {
    // The device wrote in order up to some moment. Recent moments are the dangerous ones.
    const end = random.below(2) === 0 ? until : Math.max(0, tick - random.below(12))
    return () => ({ ...some, which: { until: end } })
  }
  if (dice < any) return () => ({ ...some, which: 'any' })
  return () => ({ ...some, which: random.pick([{ until: 0 }, { until: tick }, { until }, 'any'] as const) })
}

function survivingDirectory(directory: Directory, survival: () => Survival, known: Map<Inode, Inode>): Directory {
  const { which, random } = survival()
  const names = new Map(directory.durable)
  for (const change of directory.changes) {
    const isThere = which === 'any' ? random.below(2) === 0 : change.tick <= which.until
    if (isThere) apply(names, change.names)
  }
  const after = new Directory()
  for (const [name, entry] of names) {
    const surviving = entry instanceof Directory ? survivingDirectory(entry, survival, known) : survivingFile(entry)
    after.live.set(name, surviving)
    after.durable.set(name, surviving)
  }
  return after

  function survivingFile(inode: Inode): Inode {
    const there = known.get(inode)
    if (there) return there
    const after = inode.afterPowerCut(survival())
    known.set(inode, after)
    return after
  }
}
