import { valueOffsets, type WrittenRecord } from '../../format/record.js'
import type { TailChange } from '../types.js'
import { type KeyState, type TailSlot, type TailValue, TOMBSTONE } from './tail-value.js'

/** What a record has done to a tail, until it is acknowledged. */

/** The layer that keys were put into. */
interface PutTarget {
  readonly shift: number
  keep(entry: TailValue): void
  putBack(slot: TailSlot, before: KeyState | undefined): void
}

export interface LayerEffect extends TailChange {
  /** The values that were set, in the order of the record's operations. */
  readonly entries: readonly TailValue[]
}

/** One key's share of a record. */
export class Put implements LayerEffect {
  constructor(
    private readonly layer: PutTarget,
    private readonly slot: TailSlot,
    readonly value: KeyState,
    private readonly before: KeyState | undefined,
  ) {}

  get entries(): readonly TailValue[] {
    return this.value === TOMBSTONE ? [] : [this.value as TailValue]
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
    const entry = this.value as TailValue
    entry.putAt(offset - this.layer.shift, bytes)
    this.layer.keep(entry)
  }
}

/** A record of many keys. */
export class Effects implements LayerEffect {
  constructor(
    private readonly puts: readonly Put[],
    private readonly first?: TailChange,
  ) {}

  get entries(): readonly TailValue[] {
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
