import { closeSync, mkdirSync, openSync, writeSync } from 'node:fs'
import { join } from 'node:path'

/** Installations of the original system of any size, written and checked without holding them. */

export interface GiantPlan {
  readonly kind: 'changes over a main file' | 'one line and changes behind it' | 'a main file alone' | 'few keys'
  /** About how long the largest file is. */
  readonly bytes: number
}

const FEW_KEYS = 20_000
const PAIR_BYTES = 125
/** Each eleventh key is deleted in the end, and each seventh written anew. */
const isDeleted = (number: number) => number % 11 === 3
const isChanged = (number: number) => number % 7 === 0

/** Far from the order of the numbers, and each once. */
export function keyOf(number: number): string {
  return `user:${((number * 7_919_317) % 1_000_000_007).toString(36)}:${number}`
}

export function textOf(number: number, round: number): string {
  return `{"score":${number},"round":${round},"name":"${'abcdefghij'.repeat(5 + (number % 4))}"}`
}

export function keysOf({ kind, bytes }: GiantPlan): number {
  return kind === 'few keys' ? FEW_KEYS : Math.floor(bytes / PAIR_BYTES)
}

/** The value that a key has in the end; undefined where it has none. */
export function finalTextOf(plan: GiantPlan, number: number): string | undefined {
  if (plan.kind === 'a main file alone') return textOf(number, 0)
  if (plan.kind === 'few keys') return textOf(number, roundsOf(plan) - 1)
  if (isDeleted(number)) return undefined
  return textOf(number, isChanged(number) ? 1 : 0)
}

function roundsOf({ bytes }: GiantPlan): number {
  return Math.max(1, Math.floor(bytes / ((PAIR_BYTES + 60) * FEW_KEYS)))
}

/** Returns the length of the largest file. */
export function writeGiant(dir: string, plan: GiantPlan): number {
  mkdirSync(join(dir, 'logs'), { recursive: true })
  const main = join(dir, 'store.json')
  const log = join(dir, 'logs', 'store.log')
  const state = function* (): Generator<string> {
    for (let number = 0; number < keysOf(plan); number++) {
      yield `${number === 0 ? '{' : ',\n'}"${keyOf(number)}": ${textOf(number, 0)}`
    }
    yield '}'
  }
  switch (plan.kind) {
    case 'a main file alone':
      return write(main, state())
    case 'changes over a main file':
      return Math.max(write(main, state()), write(log, changes(plan)))
    case 'few keys':
      return write(log, rounds(plan))
    default:
      return write(log, wholeState(state(), plan))
  }
}

const TIMESTAMP = '"timestamp":"2024-06-01T10:00:00.000Z"'
const setLine = (number: number, round: number) =>
  `{${TIMESTAMP},"op":"SET","key":"${keyOf(number)}","value":${textOf(number, round)}}\n`

function* changes(plan: GiantPlan): Generator<string> {
  for (let number = 0; number < keysOf(plan); number++) {
    if (isDeleted(number)) yield `{${TIMESTAMP},"op":"DELETE","key":"${keyOf(number)}"}\n`
    else if (isChanged(number)) yield setLine(number, 1)
  }
}

function* rounds(plan: GiantPlan): Generator<string> {
  for (let round = 0; round < roundsOf(plan); round++) {
    for (let number = 0; number < FEW_KEYS; number++) yield setLine(number, round)
  }
}

function* wholeState(state: Iterable<string>, plan: GiantPlan): Generator<string> {
  yield setLine(-1, 0)
  yield `{${TIMESTAMP},"op":"CHECKPOINT","state":`
  for (const piece of state) yield piece.replace('\n', '')
  yield '}\n'
  yield* changes(plan)
}

const CHUNK_LENGTH = 1 << 20

function write(path: string, pieces: Iterable<string>): number {
  const file = openSync(path, 'w')
  let written = 0
  let chunk = ''
  for (const piece of pieces) {
    chunk += piece
    if (chunk.length < CHUNK_LENGTH) continue
    written += writeSync(file, chunk)
    chunk = ''
  }
  written += writeSync(file, chunk)
  closeSync(file)
  return written
}
