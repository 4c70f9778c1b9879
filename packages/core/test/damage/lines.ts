/** Files of a store as lines, read without the engine. */

export interface FileLine {
  /** The first is 1. */
  readonly number: number
  readonly offset: number
  /** With the newline, if there is one. */
  readonly bytes: Buffer
}

export function splitLines(bytes: Buffer): FileLine[] {
  const lines: FileLine[] = []
  for (let offset = 0; offset < bytes.length; ) {
    const newline = bytes.indexOf(0x0a, offset)
    const end = newline === -1 ? bytes.length : newline + 1
    lines.push({ number: lines.length + 1, offset, bytes: bytes.subarray(offset, end) })
    offset = end
  }
  return lines
}

/** An undamaged line with its contents. */
export interface OriginalLine extends FileLine {
  readonly kind: 'header' | 'part' | 'index' | 'record'
  readonly seq: number
  readonly synced: number
  /** The key of a SET or DELETE. */
  readonly key: string | undefined
  /** The keys of a part, or of a header that has the state. */
  readonly keys: readonly string[]
  readonly store: string | undefined
}

interface Parsed {
  op: string
  seq: number
  synced?: number
  key?: string
  store?: string
  state?: object
  part?: true
  index?: unknown[]
}

export function originalLines(bytes: Buffer): OriginalLine[] {
  return splitLines(bytes).map((line) => {
    const { op, seq, synced = 0, key, store, state = {}, part, index } = JSON.parse(line.bytes.toString()) as Parsed
    const kind = op !== 'CHECKPOINT' ? 'record' : part ? 'part' : index ? 'index' : 'header'
    return { ...line, kind, seq, synced, key, store, keys: Object.keys(state) }
  })
}

/** The undamaged contents of one generation. */
export class Generation {
  readonly lines: readonly OriginalLine[]
  readonly checkpoint: readonly OriginalLine[]
  readonly records: readonly OriginalLine[]
  readonly checkpointSeq: number
  readonly lastSeq: number

  constructor(readonly bytes: Buffer) {
    this.lines = originalLines(bytes)
    this.checkpoint = this.lines.filter((line) => line.kind !== 'record')
    this.records = this.lines.filter((line) => line.kind === 'record')
    this.checkpointSeq = this.checkpoint[0]?.seq as number
    this.lastSeq = this.records.at(-1)?.seq ?? this.checkpointSeq
  }
}

const parsed = new WeakMap<Buffer, Generation>()

export function generationOf(bytes: Buffer): Generation {
  const known = parsed.get(bytes) ?? new Generation(bytes)
  parsed.set(bytes, known)
  return known
}

export function isLineIn(line: FileLine, lines: readonly FileLine[]): boolean {
  return lines.some((each) => each.bytes.equals(line.bytes))
}

/** True if the lines are equal, except for a newline lost at the end of a file. */
export function isSameLine(line: FileLine, original: FileLine): boolean {
  return original.bytes.equals(line.bytes) || original.bytes.subarray(0, -1).equals(line.bytes)
}

/** The first line that has changed; undefined if none has. */
export function firstChange(before: Buffer, after: Buffer): FileLine | undefined {
  if (before.equals(after)) return undefined
  const now = splitLines(after)
  const then = splitLines(before)
  const at = now.findIndex((line, position) => !then[position]?.bytes.equals(line.bytes))
  return at === -1 ? { number: now.length + 1, offset: after.length, bytes: Buffer.alloc(0) } : now[at]
}
