import { decodeLine } from '../format/decode.js'
import type { LogRecord, PartValue } from '../format/record.js'
import type { Slices } from '../platform/clock.js'
import type { OpenFile } from '../platform/file-system.js'
import { openIfThere } from '../platform/whole-file.js'
import { type CheckpointFound, readCheckpoint, readStoreId } from './checkpoint-reader.js'
import { readLine, readLines } from './line-reader.js'
import { newerVersion, readTailRun } from './record-reader.js'
import type { Backup, StoreFiles } from './store-files.js'

/**
 * The backups of a log as one numbered history. Each generation holds the records after its checkpoint, so the backups
 * continue each other, and the log continues the newest of them.
 *
 * A backup of another store proves nothing: it is passed over. So is one that another process has removed meanwhile.
 */
export class Generations {
  constructor(
    private readonly files: StoreFiles,
    /**
     * The store's id; undefined if unknown: then every backup counts. A backup without a readable header always counts.
     */
    private readonly storeId: string | undefined,
    private readonly onForeign: (backup: Backup) => void = () => {},
    /** The backups, the newest first. */
    readonly backups: readonly Backup[] = files.backups(),
  ) {}

  /** Every whole record of a backup, also those after damaged lines. */
  *recordsIn(backup: Backup): Generator<LogRecord> {
    const file = this.open(backup)
    if (!file) return
    try {
      for (const raw of readLines(file)) {
        const line = decodeLine(raw.bytes)
        if (line.kind === 'record') yield line
      }
    } finally {
      file.close()
    }
  }

  /** The records after `seq` in a row, from the oldest backup that has the first of them; ends at the first gap. */
  *recordsFrom(seq: number): Generator<LogRecord> {
    let next = seq + 1
    for (const backup of this.backups.toReversed()) {
      if (backup.lastSeq < next) continue
      for (const record of this.recordsIn(backup)) {
        if (record.seq !== next) continue
        yield record
        next++
      }
    }
  }

  /** The checkpoint of a backup, if it is whole. Its state is handed over piece by piece. */
  async checkpointOf(
    backup: Backup,
    slices: Slices,
    onState: (state: readonly PartValue[]) => void,
  ): Promise<CheckpointFound | undefined> {
    const file = this.open(backup)
    if (!file) return undefined
    try {
      const found = await readCheckpoint(file, slices, onState)
      return found.header && found.bad.length === 0 ? found : undefined
    } finally {
      file.close()
    }
  }

  /** Whether a backup begins with the checkpoint that has this number and checksum. */
  hasCheckpoint(seq: number, crc: string): boolean {
    return this.backups.some((backup) => {
      const file = this.open(backup)
      if (!file) return false
      try {
        const first = readLine(file, 0)
        const line = first && decodeLine(first.bytes)
        return line?.kind === 'header' && line.seq === seq && line.crc === crc
      } finally {
        file.close()
      }
    })
  }

  isOwn(backup: Backup): boolean {
    const file = this.open(backup)
    file?.close()
    return file !== undefined
  }

  /** Undefined if the file is gone or of another store. */
  open(backup: Backup): OpenFile | undefined {
    const file = openIfThere(this.files.fileSystem, backup.path)
    if (!file) return undefined
    let isOwn = false
    try {
      const found = readStoreId(file)?.store
      isOwn = this.storeId === undefined || found === undefined || found === this.storeId
    } finally {
      if (!isOwn) file.close()
    }
    if (isOwn) return file
    this.onForeign(backup)
    return undefined
  }
}

/** The last record of a generation without a fault; undefined for any other file. */
export async function lastSeqOfWhole(file: OpenFile, slices: Slices): Promise<number | undefined> {
  const checkpoint = await readCheckpoint(file, slices)
  if (checkpoint.newer) throw newerVersion(file.path, checkpoint.newer.offset, checkpoint.newer.what)
  if (!checkpoint.header || checkpoint.bad.length) return undefined
  const start = { offset: checkpoint.end, line: checkpoint.nextLine, afterSeq: checkpoint.seq }
  const tail = await readTailRun(file, start, slices)
  return tail.complete ? tail.lastSeq : undefined
}
