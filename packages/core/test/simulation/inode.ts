import type { Random } from '../support/random.js'

/**
 * One file of the simulated disk: its bytes in the page cache, and what a power cut may leave of them.
 *
 * Until a sync covers a page, the page has versions: the one on disk, and one for each write since then. A power cut
 * picks a version for each sector (or page), and one of the lengths, in any combination.
 */
export const PAGE_BYTES = 4096

interface Version {
  /** The disk's count of changes when it was made. */
  readonly tick: number
  /** The whole page. */
  readonly bytes: Buffer
}

interface Length {
  readonly tick: number
  readonly bytes: number
}

/** Which of the unsynced changes survive a power cut. */
export interface Survival {
  /** `until`: those up to a tick, and the next one torn. `any`: each sector by itself. */
  readonly which: { readonly until: number } | 'any'
  /** The device writes this many bytes atomically. */
  readonly tearBytes: 512 | 4096
  /** The content where the file grew and nothing was written: zeros, or old bytes of the disk. */
  readonly grown: 'zeros' | 'garbage'
  readonly random: Random
}

export class Inode {
  #live = Buffer.alloc(0)
  /** A clone shares the bytes, and the first of the two to write copies them. */
  #isShared = false
  #length = 0
  /** The bytes that any power cut leaves. */
  #durable = Buffer.alloc(0)
  #versions = new Map<number, Version[]>()
  #lengths: Length[] = []

  constructor(readonly id: number) {}

  get length(): number {
    return this.#length
  }

  get bytes(): Buffer {
    return Buffer.from(this.#live.subarray(0, this.#length))
  }

  get durableBytes(): Buffer {
    return Buffer.from(this.#durable)
  }

  get isDirty(): boolean {
    return this.#versions.size > 0 || this.#lengths.length > 0
  }

  read(into: Uint8Array, position: number): number {
    if (position >= this.#length) return 0
    return this.#live.copy(into, 0, position, Math.min(this.#length, position + into.length))
  }

  write(bytes: Buffer, position: number, tick: number): void {
    const end = position + bytes.length
    this.#makeWritable(end)
    bytes.copy(this.#live, position)
    // Pages between the old end and the new bytes are created too, as zeros.
    this.#remember(Math.min(position, this.#length), end, tick)
    // Even if the page cache had this length before: a failed sync may have left the file shorter on disk.
    const known = this.#lengths.at(-1)?.bytes ?? this.#durable.length
    if (end > known) this.#lengths.push({ tick, bytes: end })
    this.#length = Math.max(this.#length, end)
  }

  truncate(length: number, tick: number): void {
    const before = this.#length
    this.#makeWritable(length)
    if (length < before) this.#live.fill(0, length, before)
    this.#remember(Math.min(length, before), Math.max(length, before), tick)
    this.#length = length
    this.#lengths.push({ tick, bytes: length })
  }

  #makeWritable(end: number): void {
    const { length } = this.#live
    if (end <= length) {
      if (this.#isShared) this.#live = Buffer.from(this.#live)
    } else {
      const grown = Buffer.alloc(Math.ceil(Math.max(end, length * 2) / PAGE_BYTES) * PAGE_BYTES)
      this.#live.copy(grown)
      this.#live = grown
    }
    this.#isShared = false
  }

  #remember(from: number, to: number, tick: number): void {
    for (let page = Math.floor(from / PAGE_BYTES); page * PAGE_BYTES < to; page++) {
      const bytes = Buffer.from(this.#live.subarray(page * PAGE_BYTES, (page + 1) * PAGE_BYTES))
      const versions = this.#versions.get(page)
      if (versions) versions.push({ tick, bytes })
      else this.#versions.set(page, [{ tick, bytes }])
    }
  }

  /** Makes durable what a sync that began at that tick covers. */
  synced(tick: number): void {
    const length = this.#lengths.findLast((each) => each.tick <= tick)?.bytes ?? this.#durable.length
    const durable = Buffer.alloc(length)
    this.#durable.copy(durable)
    for (const [page, versions] of this.#versions) {
      versions.findLast((each) => each.tick <= tick)?.bytes.copy(durable, page * PAGE_BYTES)
    }
    this.#durable = durable
    this.#forget(tick)
  }

  /**
   * A sync failed: some of the pages that it covered are on disk and the others never will be. The page cache marks all
   * of them as clean and shows them as before, so the next sync has nothing to write and succeeds.
   */
  lost(tick: number, random: Random): void {
    const isLengthKept = random.below(2) === 0
    const length = isLengthKept ? this.#lengths.findLast((each) => each.tick <= tick)?.bytes : undefined
    const durable = Buffer.alloc(length ?? this.#durable.length)
    this.#durable.copy(durable)
    for (const [page, versions] of this.#versions) {
      const version = versions.findLast((each) => each.tick <= tick)
      if (version && random.below(3) === 0) version.bytes.copy(durable, page * PAGE_BYTES)
    }
    this.#durable = durable
    this.#forget(tick)
  }

  #forget(tick: number): void {
    this.#lengths = this.#lengths.filter((each) => each.tick > tick)
    for (const [page, versions] of this.#versions) {
      const later = versions.filter((each) => each.tick > tick)
      if (later.length) this.#versions.set(page, later)
      else this.#versions.delete(page)
    }
  }

  /** The file after a power cut: everything in it is durable. */
  afterPowerCut(survival: Survival): Inode {
    const { which, tearBytes, grown, random } = survival
    const length = this.#lengthAfter(survival)
    const bytes = Buffer.alloc(Math.ceil(length / PAGE_BYTES) * PAGE_BYTES)
    if (grown === 'garbage') for (let at = this.#durable.length; at < length; at++) bytes[at] = random.below(256)
    this.#durable.copy(bytes)
    for (const [page, versions] of this.#versions) {
      for (let from = 0; from < PAGE_BYTES; from += tearBytes) {
        const version =
          which === 'any' ? random.below(versions.length + 1) - 1 : untilTick(versions, which.until, random)
        versions[version]?.bytes.copy(bytes, page * PAGE_BYTES + from, from, from + tearBytes)
      }
    }
    return Inode.holding(this.id, bytes.subarray(0, length))
  }

  #lengthAfter({ which, random }: Survival): number {
    const lengths = this.#lengths
    const position = which === 'any' ? random.below(lengths.length + 1) - 1 : untilTick(lengths, which.until, random)
    return lengths[position]?.bytes ?? this.#durable.length
  }

  static holding(id: number, bytes: Uint8Array): Inode {
    const inode = new Inode(id)
    inode.#makeWritable(bytes.length)
    inode.#live.set(bytes)
    inode.#length = bytes.length
    inode.#durable = Buffer.from(bytes)
    return inode
  }

  clone(): Inode {
    const copy = new Inode(this.id)
    copy.#live = this.#live
    copy.#isShared = true
    this.#isShared = true
    copy.#length = this.#length
    // Durable bytes and versions are never changed in place.
    copy.#durable = this.#durable
    copy.#versions = new Map([...this.#versions].map(([page, versions]) => [page, versions.slice()]))
    copy.#lengths = this.#lengths.slice()
    return copy
  }
}

/** The last change up to the tick, or sometimes the one after it, which is then torn. */
function untilTick(changes: readonly { readonly tick: number }[], until: number, random: Random): number {
  const last = changes.findLastIndex((each) => each.tick <= until)
  const isTorn = changes[last + 1]?.tick === until + 1
  return isTorn && random.below(2) === 0 ? last + 1 : last
}
