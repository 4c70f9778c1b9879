import type { Random } from '../support/random.js'

/**
 * One file of the simulated disk: its bytes as the page cache shows them, and what a power cut may leave of them.
 *
 * Until a sync has covered it, each page has versions: what the disk holds, and what each write since then made of it.
 * A power cut picks one of them for each sector (or each page), and one of the lengths, in any combination.
 */
export const PAGE_BYTES = 4096

interface Version {
  /** When it was made: the disk's count of changes. */
  readonly tick: number
  /** The whole page. */
  readonly bytes: Buffer
}

interface Length {
  readonly tick: number
  readonly bytes: number
}

/** Which of the un-synced changes are there after the power cut. */
export interface Survival {
  /** `until`: those up to a tick, in order, the next one torn. `any`: each sector for itself. */
  readonly which: { readonly until: number } | 'any'
  /** What the device writes in one piece. */
  readonly tearBytes: 512 | 4096
  /** What stands where the file grew and nothing was written: zeros, or what was on the disk before. */
  readonly grown: 'zeros' | 'garbage'
  readonly random: Random
}

export class Inode {
  #live = Buffer.alloc(0)
  /** A clone has the same bytes: whoever writes first makes its own. */
  #isShared = false
  #length = 0
  /** What is certainly on the disk. */
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
    // Pages between the old end and the new bytes come into being too, as zeros.
    this.#remember(Math.min(position, this.#length), end, tick)
    // Also where the page cache has been that long: a failed sync can have left the file shorter on the disk.
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

  /** What a sync that began at that tick covers is on the disk; what came later is not. */
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
   * A sync failed: some of the pages that it covered are on the disk and the others never will be, but the page cache
   * takes all of them for written and shows them as before. The next sync has nothing to write and says "ok".
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

  /** The file as it is found after a power cut: everything in it is on the disk. */
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
    // Neither what is durable nor a version is ever changed in place.
    copy.#durable = this.#durable
    copy.#versions = new Map([...this.#versions].map(([page, versions]) => [page, versions.slice()]))
    copy.#lengths = this.#lengths.slice()
    return copy
  }
}

/** The last change up to the tick, or sometimes the one behind it, which is the one that was torn. */
function untilTick(changes: readonly { readonly tick: number }[], until: number, random: Random): number {
  const last = changes.findLastIndex((each) => each.tick <= until)
  const isTorn = changes[last + 1]?.tick === until + 1
  return isTorn && random.below(2) === 0 ? last + 1 : last
}
