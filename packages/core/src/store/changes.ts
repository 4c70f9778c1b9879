import { FlatlogError } from '../base/errors.js'
import { Slices } from '../base/slices.js'
import type { OpenFile } from '../fs/file-system.js'
import { readLines } from '../log/line-reader.js'
import { backupsAmong } from '../log/names.js'
import { decodeLine } from '../record/decode.js'
import type { LogRecord } from '../record/record.js'
import type { Engine } from './engine.js'
import { type Change, changesOf } from './events.js'

/**
 * Acknowledged changes behind a position, first from the files, then as they come. Nothing is held in memory for a
 * follower that is slow: it reads from the log at its own pace, and through a compaction from the backups.
 */
export async function* followChanges(
  engine: Engine,
  since: string | undefined,
  signal: AbortSignal | undefined,
  isClosed: () => boolean,
): AsyncGenerator<Change, void, undefined> {
  let position = since === undefined ? engine.acknowledged : await find(engine, since)
  let isOver = false
  const stop = () => {
    isOver = true
    engine.events.wakeWaiting()
  }
  signal?.addEventListener('abort', stop, { once: true })
  try {
    while (!isOver && !signal?.aborted && !isClosed()) {
      const until = engine.acknowledged.seq
      if (position.seq >= until) {
        await engine.events.nextChange()
        continue
      }
      for (const record of recordsBehind(engine, position.seq, until)) {
        const { timestamp, seq, crc, operation } = record
        position = { seq, crc }
        for (const change of changesOf(timestamp, seq, crc, operation)) {
          if (isOver || isClosed()) return
          yield change
        }
      }
      if (position.seq < until) throw gone(engine, `${position.seq}:${position.crc}`)
    }
  } finally {
    signal?.removeEventListener('abort', stop)
  }
}

const POSITION = /^(\d+):([0-9a-f]{8}|)$/

/** The record that the position names; a seq alone would not do, as one that was cut from a torn tail is given again. */
async function find(engine: Engine, since: string): Promise<{ seq: number; crc: string }> {
  const [, digits, crc = ''] = POSITION.exec(since) ?? []
  const seq = Number(digits)
  if (digits === undefined || !Number.isSafeInteger(seq)) {
    throw new FlatlogError(
      'FLATLOG_INVALID_OPTION',
      `The option since is ${JSON.stringify(since)}; what is expected is the position of a change, such as "42:9f3a1c22".`,
    )
  }
  const { acknowledged } = engine
  if (acknowledged.seq === seq && acknowledged.crc === crc) return acknowledged
  // The beginning of everything, before the first record.
  if (seq === 0 && crc === '' && (engine.checkpoint.seq === 0 || oldestSeq(engine) <= 1)) return { seq, crc }
  const slices = new Slices(engine.system.clock)
  for (const record of recordsBehind(engine, seq - 1, seq)) {
    if (record.crc === crc) return { seq, crc }
    if (slices.isDue()) await slices.pause()
  }
  throw gone(engine, since)
}

/** The records after `seq` up to `until`, from the backups and the log, without a gap as far as they go. */
function* recordsBehind(engine: Engine, seq: number, until: number): Generator<LogRecord> {
  let next = seq + 1
  for (const file of generationsBehind(engine, seq)) {
    try {
      for (const raw of readLines(file)) {
        const line = decodeLine(raw.bytes)
        if (line.kind === 'header' && line.store !== engine.storeId) break
        if (line.kind !== 'record' || line.seq !== next || !raw.ended) continue
        yield line
        next++
        if (next > until) return
      }
    } finally {
      file.close()
    }
  }
}

/** The log, and before it the backups that hold what the log's checkpoint has swallowed. */
function* generationsBehind(engine: Engine, seq: number): Generator<OpenFile> {
  const { fileSystem } = engine.system
  const { paths } = engine
  if (seq < engine.checkpoint.seq) {
    const backups = backupsAmong(paths, fileSystem.list(paths.logDirectory)).filter((backup) => backup.lastSeq > seq)
    for (const { path } of backups.reverse()) yield fileSystem.open(path, 'read')
  }
  yield fileSystem.open(paths.log, 'read')
}

function oldestSeq(engine: Engine): number {
  for (const record of recordsBehind(engine, 0, 1)) return record.seq
  return Number.POSITIVE_INFINITY
}

function gone(engine: Engine, position: string): FlatlogError {
  return new FlatlogError(
    'FLATLOG_POSITION',
    `The changes behind position ${position} are not in ${engine.paths.log} or its backups any more, or the position is of ` +
      'another history of the store. What to do: read the state with entries(), and follow from now on.',
    { path: engine.paths.log },
  )
}
