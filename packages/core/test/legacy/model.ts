import { decodeOlderLine, guessKey, objectPairs } from '../support/core.js'

/**
 * What an installation of the original system holds, found the plain way: with all of it in memory, its lines as strings,
 * and a Map.
 */

/** A value's text, and when it was written. */
export type State = Map<string, { readonly text: string; readonly time: number | undefined }>

export interface Expected {
  /** In key order. */
  readonly state: [key: string, text: string, time: number | undefined][]
  readonly lastSeq: number
  readonly cutBytes: number
  readonly damage: { file: string; line: number; offset: number; bytes: number; key?: string }[]
  readonly inDoubt: string[]
}

/** Undefined where opening is refused. */
export function expectedOf(log: Buffer | undefined, main: Buffer | undefined): Expected | undefined {
  const lines = log ? linesOf(log) : []
  const decoded = lines.map((line) => decodeOlderLine(line.bytes))
  const readable = decoded.filter((line) => line.kind !== 'bad').length
  const holdsState = decoded.some(
    (line) => line.kind === 'older-checkpoint' || (line.kind === 'older' && line.operation.kind === 'replace'),
  )
  const state: State = new Map()
  const [damage, inDoubt]: [Expected['damage'], string[]] = [[], []]
  const isMainWanted = main !== undefined && !holdsState
  if (isMainWanted) {
    const pairs = pairsOf(main)
    if (!pairs && readable === 0) return undefined
    for (const [key, { text }] of pairs ?? []) state.set(key, { text, time: undefined })
    if (!pairs) {
      damage.push({ file: 'store.json', line: 1, offset: 0, bytes: main.length })
      inDoubt.push('any')
    }
  }
  if (log && log.length > 0 && readable === 0 && !isMainWanted) return undefined

  let cutBytes = 0
  for (const [position, line] of decoded.entries()) {
    const { bytes, offset, length, ended } = lines[position] as Line
    const time = line.kind === 'bad' ? undefined : Date.parse(line.timestamp) || undefined
    if (ended && (bytes.length === 0 || bytes.equals(Buffer.from('\r')))) continue
    if (line.kind === 'older-checkpoint') replace(state, line.state, time)
    else if (line.kind === 'older') apply(state, line.operation, time)
    else if (offset + length === log?.length) cutBytes = length
    else {
      const key = guessKey(bytes)
      const guess = key === undefined ? {} : { key }
      damage.push({ file: 'store.log', line: position + 1, offset, bytes: length, ...guess })
      inDoubt.push(...Object.values(guess), 'any')
    }
  }
  const inOrder = [...state].sort(([a], [b]) => (a < b ? -1 : 1))
  return {
    state: inOrder.map(([key, { text, time }]) => [key, text, time]),
    lastSeq: lines.length,
    cutBytes,
    damage,
    inDoubt: [...new Set(inDoubt)],
  }
}

interface Line {
  readonly bytes: Buffer
  readonly offset: number
  /** With the newline. */
  readonly length: number
  readonly ended: boolean
}

function linesOf(log: Buffer): Line[] {
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

function pairsOf(main: Buffer): ReturnType<typeof objectPairs> {
  const text = main.toString('utf8').replace(/^\ufeff/, '')
  try {
    JSON.parse(text)
    return objectPairs(text)
  } catch {
    return undefined
  }
}

type Operation = Extract<ReturnType<typeof decodeOlderLine>, { kind: 'older' }>['operation']

function apply(state: State, operation: Operation, time: number | undefined): void {
  if (operation.kind === 'replace') replace(state, operation.data, time)
  else if (operation.kind === 'set') state.set(operation.key, { text: operation.value.text, time })
  else if (operation.kind === 'delete') state.delete(operation.key)
}

function replace(
  state: State,
  pairs: readonly (readonly [string, { readonly text: string }])[],
  time: number | undefined,
): void {
  state.clear()
  for (const [key, { text }] of pairs) state.set(key, { text, time })
}
