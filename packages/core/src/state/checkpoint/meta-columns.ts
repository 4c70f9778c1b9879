import { type DatedMeta, type KeyMeta, metaOf } from '../../format/part-meta.js'
import type { Encoding } from '../../format/value.js'

const ENCODINGS: readonly (Encoding | undefined)[] = [undefined, 'text', 'base64']

/**
 * What a part says of its keys beside their values, by their position: as numbers in columns, for it is kept for as many
 * keys as were asked for. To parse it for a single key takes longer than all else that is to be done for one.
 */
export class MetaColumns {
  private constructor(
    /** NaN for a key that has none. */
    private readonly expires: Float64Array | undefined,
    private readonly times: Float64Array | undefined,
    private readonly encodings: Uint8Array | undefined,
  ) {}

  /** Undefined where it is not of the kind that this version writes. */
  static of(meta: DatedMeta, keys: readonly string[]): MetaColumns | undefined {
    const expires = meta.expires && new Float64Array(keys.length).fill(Number.NaN)
    const times = meta.ages && new Float64Array(keys.length).fill(Number.NaN)
    const encodings = meta.encoding && new Uint8Array(keys.length)
    for (const [position, key] of keys.entries()) {
      const said = metaOf(meta, key, position)
      const encoding = ENCODINGS.indexOf(said.encoding)
      if (encoding === -1 || !isTime(said.expires) || !isTime(said.time)) return undefined
      if (expires && said.expires !== undefined) expires[position] = said.expires
      if (times && said.time !== undefined) times[position] = said.time
      if (encodings) encodings[position] = encoding
    }
    return new MetaColumns(expires, times, encodings)
  }

  at(position: number): KeyMeta {
    return {
      expires: numberAt(this.expires, position),
      encoding: this.encodings && ENCODINGS[this.encodings[position] as number],
      time: numberAt(this.times, position),
    }
  }
}

function numberAt(column: Float64Array | undefined, position: number): number | undefined {
  const number = column?.[position]
  return number === undefined || Number.isNaN(number) ? undefined : number
}

function isTime(value: unknown): boolean {
  return value === undefined || (typeof value === 'number' && !Number.isNaN(value))
}
