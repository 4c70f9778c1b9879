import { guessKey } from '../support/core.js'

/** The state in the files of a store of format 0, computed with `JSON.parse` and a Map. */

export interface Expected {
  /** In key order: the key, the value as `JSON.stringify` spells it, and when it was written. */
  readonly state: [key: string, json: string, time: number | undefined][]
  readonly lastSeq: number
  readonly cutBytes: number
  readonly damage: { file: string; line: number; offset: number; bytes: number; key?: string }[]
  readonly inDoubt: string[]
}

export interface Line {
  readonly bytes: Buffer
  readonly offset: number
  /** With the newline. */
  readonly length: number
  readonly ended: boolean
}

export function linesOf(log: Buffer): Line[] {
  const lines: Line[] = []
  for (let offset = 0; offset < log.length; ) {
    const newline = log.indexOf(10, offset)
    const end = newline === -1 ? log.length : newline
    const length = end - offset + (newline === -1 ? 0 : 1)
    lines.push({ bytes: log.subarray(offset, end), offset, length, ended: newline !== -1 })
    offset += length
  }
  return lines
}

interface Change {
  readonly time: number | undefined
  /** True if no change before it counts. */
  readonly isWhole: boolean
  /** The keys with their values; undefined: deleted. */
  readonly pairs: [key: string, value: unknown][]
}

/** The change in a line; undefined for a bad line. */
export function changeOf(bytes: Buffer): Change | undefined {
  const line = objectIn(bytes.toString('utf8'))
  if (!line || line.seq !== undefined) return undefined
  const { op, key, value, data, state, timestamp } = line
  const time = (typeof timestamp === 'string' && Date.parse(timestamp)) || undefined
  const whole = (object: unknown): Change | undefined =>
    isObject(object) ? { time, isWhole: true, pairs: Object.entries(object) } : undefined
  const single = (of: unknown): Change | undefined =>
    typeof key === 'string' ? { time, isWhole: false, pairs: [[key, of]] } : undefined
  if (op === 'CHECKPOINT') return whole(state)
  if (op === 'DELETE') return single(undefined)
  return op === 'SET' ? (single(value) ?? whole(data)) : undefined
}

/** The expected state; undefined if the store must be refused. */
export function expectedOf(log: Buffer | undefined, main: Buffer | undefined): Expected | undefined {
  const lines = log ? linesOf(log) : []
  const changes = lines.map((line) => changeOf(line.bytes))
  const hasRecords = changes.some((change) => change !== undefined)
  const needsMain = main !== undefined && !changes.some((change) => change?.isWhole)
  const state = new Map<string, { value: unknown; time: number | undefined }>()
  const [damage, inDoubt]: [Expected['damage'], string[]] = [[], []]
  if (needsMain) {
    const object = objectIn(main.toString('utf8').replace(/^\ufeff/, ''))
    if (!object && !hasRecords) return undefined
    for (const [key, value] of Object.entries(object ?? {})) state.set(key, { value, time: undefined })
    if (!object) {
      damage.push({ file: 'store.json', line: 1, offset: 0, bytes: main.length })
      inDoubt.push('any')
    }
  }
  if (log && log.length > 0 && !hasRecords && !needsMain) return undefined

  let cutBytes = 0
  for (const [position, change] of changes.entries()) {
    const { bytes, offset, length, ended } = lines[position] as Line
    if (change?.isWhole) state.clear()
    for (const [key, value] of change?.pairs ?? []) {
      if (value === undefined) state.delete(key)
      else state.set(key, { value, time: change?.time })
    }
    if (change || (ended && /^\r?$/.test(bytes.toString('latin1')))) continue
    if (offset + length === log?.length) cutBytes = length
    else {
      const key = guessKey(bytes)
      const guess = key === undefined ? {} : { key }
      damage.push({ file: 'store.log', line: position + 1, offset, bytes: length, ...guess })
      inDoubt.push(...Object.values(guess), 'any')
    }
  }
  const inOrder = [...state].sort(([a], [b]) => (a < b ? -1 : 1))
  return {
    state: inOrder.map(([key, { value, time }]) => [key, JSON.stringify(value), time]),
    lastSeq: lines.length,
    cutBytes,
    damage,
    inDoubt: [...new Set(inDoubt)],
  }
}

function objectIn(json: string): Record<string, unknown> | undefined {
  try {
    const parsed: unknown = JSON.parse(json)
    return isObject(parsed) ? parsed : undefined
  } catch {
    return undefined
  }
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
