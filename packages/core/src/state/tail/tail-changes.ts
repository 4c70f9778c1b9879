import { valueOffsets, type WrittenRecord } from '../../format/written-record.js'
import type { Effect } from '../types.js'
import { type TailEntry, type TailSlot, type TailValue, TOMBSTONE } from './tail-value.js'

/** What a record has done to a tail, until it is acknowledged. */

/** The layer that keys were put into. */
interface PutTarget {
  readonly shift: number
  keep(entry: TailEntry): void
  putBack(slot: TailSlot, before: TailValue | undefined): void
}

export interface LayerEffect extends Effect {
  /** The values that were set, in the order of the record's operations. */
  readonly entries: readonly TailEntry[]
}

/** One key's share of a record. */
export class Put implements LayerEffect {
  constructor(
    private readonly layer: PutTarget,
    private readonly slot: TailSlot,
    readonly value: TailValue,
    private readonly before: TailValue | undefined,
  ) {}

  get entries(): readonly TailEntry[] {
    return this.value === TOMBSTONE ? [] : [this.value as TailEntry]
  }

  undo(): void {
    this.layer.putBack(this.slot, this.before)
  }

  written({ encodedEnd, isAscii }: WrittenRecord): void {
    const { value } = this
    if (value === TOMBSTONE) return
    // A record of one key ends with the value.
    const text = value.text as string
    const bytes = isAscii ? text.length : Buffer.byteLength(text)
    this.writtenAt(encodedEnd - bytes, bytes)
  }

  writtenAt(offset: number, bytes: number): void {
    const entry = this.value as TailEntry
    entry.putAt(offset - this.layer.shift, bytes)
    this.layer.keep(entry)
  }
}

/** A record of many keys. */
export class Effects implements LayerEffect {
  constructor(
    private readonly puts: readonly Put[],
    private readonly first?: Effect,
  ) {}

  get entries(): readonly TailEntry[] {
    return this.puts.flatMap((put) => put.entries)
  }

  undo(): void {
    for (let at = this.puts.length - 1; at >= 0; at--) this.puts[at]?.undo()
    this.first?.undo()
  }

  written(record: WrittenRecord): void {
    const offsets = valueOffsets(record)
    let next = 0
    for (const put of this.puts) {
      if (put.value === TOMBSTONE) continue
      const text = put.value.text as string
      put.writtenAt(offsets[next++] as number, record.isAscii ? text.length : Buffer.byteLength(text))
    }
  }
}
