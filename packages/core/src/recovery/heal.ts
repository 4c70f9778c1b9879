import type { LogRecord, Operation, PartValue } from '../format/record.js'
import { isInRange, type KeyRange } from '../log/checkpoint-reader.js'
import type { Generations } from '../log/generations.js'
import type { Backup } from '../log/store-files.js'
import type { Slices } from '../platform/clock.js'
import { State } from '../state/state.js'
import { walkState } from '../state/write-state.js'

export interface HealedState {
  readonly state: readonly PartValue[]
  /** The file name of the backup whose checkpoint it began with. */
  readonly from: string
}

/**
 * Returns the state of the lost keys at record `seq`, or undefined if no backup proves it. Proof is a whole checkpoint and
 * every record after it up to `seq`, without a gap: anything else could bring back what was overwritten or deleted.
 */
export async function healState(
  generations: Generations,
  seq: number,
  lost: readonly KeyRange[],
  slices: Slices,
): Promise<HealedState | undefined> {
  for (const base of generations.backups) {
    const healed = await replayTo(generations, base, seq, lost, slices)
    if (!healed) continue
    const state: PartValue[] = []
    for await (const [key, { text, encoding, expires, time }] of walkState(healed, 0, slices)) {
      state.push({ key, value: { text, encoding }, expires, time })
    }
    return { state, from: base.fileName }
  }
  return undefined
}

async function replayTo(
  generations: Generations,
  base: Backup,
  seq: number,
  lost: readonly KeyRange[],
  slices: Slices,
): Promise<State | undefined> {
  // Only the lost keys are kept: the whole state may be more than there is memory for.
  const isLost = (key: string) => lost.some((range) => isInRange(key, range))
  const found: PartValue[] = []
  const checkpoint = await generations.checkpointOf(base, slices, (state) => {
    for (const pair of state) if (isLost(pair.key)) found.push(pair)
  })
  let reached = checkpoint?.seq
  if (reached === undefined || reached > seq) return undefined
  const state = State.inMemory(found)
  if (reached === seq) return state
  for (const record of generations.recordsFrom(reached)) {
    const operation = restrictTo(record.operation, isLost)
    if (operation) state.apply(operation, record.seq, Date.parse(record.timestamp))
    reached = record.seq
    if (reached === seq) return state
    if (slices.isDue()) await slices.pause()
  }
  return undefined
}

/** The part of an operation that changes those keys; undefined if it changes none. */
function restrictTo(operation: Operation, isMeant: (key: string) => boolean): Operation | undefined {
  switch (operation.kind) {
    case 'set':
    case 'delete':
      return isMeant(operation.key) ? operation : undefined
    case 'batch':
      return { kind: 'batch', operations: operation.operations.filter(({ key }) => isMeant(key)) }
    case 'replace':
      return { kind: 'replace', data: operation.data.filter(([key]) => isMeant(key)) }
    case 'clear':
      return operation
    default:
      return operation satisfies never
  }
}

/** Records that are missing in the log and whole in a backup, by their numbers. */
export async function findRecords(
  generations: Generations,
  isMissing: (seq: number) => boolean,
  slices: Slices,
): Promise<Map<number, { record: LogRecord; from: string }>> {
  const found = new Map<number, { record: LogRecord; from: string }>()
  for (const backup of generations.backups) {
    for (const record of generations.recordsIn(backup)) {
      if (isMissing(record.seq) && !found.has(record.seq)) found.set(record.seq, { record, from: backup.fileName })
      if (slices.isDue()) await slices.pause()
    }
  }
  return found
}

/** Returns the last record after `seq` in any backup, or 0. Reads only backups whose names promise one. */
export async function reachBeyond(generations: Generations, seq: number, slices: Slices): Promise<number> {
  let reach = 0
  for (const backup of generations.backups) {
    if (backup.lastSeq <= seq) continue
    for (const record of generations.recordsIn(backup)) {
      reach = Math.max(reach, record.seq)
      if (slices.isDue()) await slices.pause()
    }
  }
  return reach
}
