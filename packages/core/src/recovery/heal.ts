import { decodeLine } from '../format/decode.js'
import type { LogRecord, Operation, PartValue } from '../format/record.js'
import { isInRange, type KeyRange, readCheckpoint, readStoreId } from '../log/checkpoint-reader.js'
import { readLines } from '../log/line-reader.js'
import type { Backup } from '../log/store-files.js'
import type { Slices } from '../platform/clock.js'
import type { FileSystem, OpenFile } from '../platform/file-system.js'
import { State } from '../state/state.js'
import { walkState } from '../state/write-state.js'

/**
 * What backups can prove. A value is healed only by replaying a whole checkpoint and every record behind it up to the
 * one in question, without a gap: anything else could bring back what was overwritten or deleted.
 */
export interface HealedState {
  readonly state: readonly PartValue[]
  readonly from: string
}

/**
 * True if the backup is of that store, or does not say of which it is: then its name counts. One of another store proves
 * nothing.
 */
export function isOfStore(fileSystem: FileSystem, { path }: Backup, store: string | undefined): boolean {
  const file = fileSystem.open(path, 'read')
  try {
    const found = readStoreId(file)?.store
    return store === undefined || found === undefined || found === store
  } finally {
    file.close()
  }
}

/** The state of the lost keys at record `seq`, from backups of the same store. */
export async function healState(
  fileSystem: FileSystem,
  backups: readonly Backup[],
  seq: number,
  lost: readonly KeyRange[],
  slices: Slices,
): Promise<HealedState | undefined> {
  for (const [position, base] of backups.entries()) {
    // Newer backups hold the records that the base does not reach; together they must leave no gap.
    const chain = [base, ...backups.slice(0, position).reverse()]
    const index = await replayTo(fileSystem, chain, seq, lost, slices)
    if (!index) continue
    const state: PartValue[] = []
    for await (const [key, { text, encoding, expires, time }] of walkState(index, 0, slices)) {
      state.push({ key, value: { text, encoding }, expires, time })
    }
    return { state, from: base.fileName }
  }
  return undefined
}

async function replayTo(
  fileSystem: FileSystem,
  chain: readonly Backup[],
  seq: number,
  lost: readonly KeyRange[],
  slices: Slices,
): Promise<State | undefined> {
  const isLost = (key: string) => lost.some((range) => isInRange(key, range))
  const found: PartValue[] = []
  let index = State.inMemory()
  let reached: number | undefined
  for (const { path } of chain) {
    const ok = await withFile(fileSystem, path, async (file) => {
      if (reached === undefined) {
        // Only what is lost, which may be little of a state that there is no memory for.
        const add = (state: readonly PartValue[]) => {
          for (const pair of state) if (isLost(pair.key)) found.push(pair)
        }
        const { header, bad } = await readCheckpoint(file, slices, add)
        if (!header || bad.length || header.seq > seq) return false
        index = State.inMemory(found)
        reached = header.seq
      }
      for (const record of recordsOf(file)) {
        if (record.seq === reached + 1 && record.seq <= seq) {
          const operation = within(record.operation, isLost)
          if (operation) index.apply(operation, record.seq, Date.parse(record.timestamp))
          reached = record.seq
        }
        if (slices.isDue()) await slices.pause()
      }
      return true
    })
    if (!ok) return undefined
    if (reached === seq) return index
  }
  return undefined
}

/** What an operation does to those keys. */
function within(operation: Operation, isMeant: (key: string) => boolean): Operation | undefined {
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
  }
}

/** Records that are missing in the log and whole in a backup of the same store. */
export async function findRecords(
  fileSystem: FileSystem,
  backups: readonly Backup[],
  isMissing: (seq: number) => boolean,
  slices: Slices,
): Promise<Map<number, { record: LogRecord; from: string }>> {
  const found = new Map<number, { record: LogRecord; from: string }>()
  for (const { path, fileName } of backups) {
    await withFile(fileSystem, path, async (file) => {
      for (const record of recordsOf(file)) {
        if (isMissing(record.seq) && !found.has(record.seq)) found.set(record.seq, { record, from: fileName })
        if (slices.isDue()) await slices.pause()
      }
    })
  }
  return found
}

/** The last record that any of the backups holds; 0 if none of them holds one. */
export async function reachOfBackups(
  fileSystem: FileSystem,
  backups: readonly Backup[],
  slices: Slices,
): Promise<number> {
  let reach = 0
  for (const { path } of backups) {
    await withFile(fileSystem, path, async (file) => {
      for (const { seq } of recordsOf(file)) {
        reach = Math.max(reach, seq)
        if (slices.isDue()) await slices.pause()
      }
    })
  }
  return reach
}

/** Every whole record of a file, whatever stands between them. */
function* recordsOf(file: OpenFile): Generator<LogRecord> {
  for (const raw of readLines(file)) {
    const line = decodeLine(raw.bytes)
    if (line.kind === 'record') yield line
  }
}

async function withFile<T>(fileSystem: FileSystem, path: string, use: (file: OpenFile) => Promise<T>): Promise<T> {
  const file = fileSystem.open(path, 'read')
  try {
    return await use(file)
  } finally {
    file.close()
  }
}
