import { ioError, systemCode } from '../base/errors.js'
import { Slices } from '../base/slices.js'
import type { FileSystem, OpenFile } from '../fs/file-system.js'
import { readCheckpoint } from '../log/checkpoint-reader.js'
import { backupsAmong } from '../log/names.js'
import { surveyTail } from '../log/tail-reader.js'
import type { Engine } from '../store/engine.js'
import type { Damage } from '../store/recovery.js'
import type { Verification } from '../store/types.js'

/** Reads the log and its backups whole, in slices, and names every place that is not what was written. */
export async function verify(engine: Engine): Promise<Verification> {
  await engine.flush()
  const { fileSystem, clock } = engine.system
  const { paths } = engine
  const slices = new Slices(clock)
  const result: Verification = { ok: true, damage: [], records: 0, parts: 0, bytes: 0 }
  const backups = backupsAmong(paths, fileSystem.list(paths.logDirectory))
  for (const path of [paths.log, ...backups.map((backup) => backup.path)]) {
    const file = openIfThere(fileSystem, path)
    // A compaction has rotated the backup away meanwhile.
    if (!file) continue
    try {
      // What is written while this reads lies behind the end that is taken now.
      const end = path === paths.log ? engine.writer.offset : file.status().sizeBytes
      const found = await verifyFile(file, end, slices)
      result.records += found.records
      result.parts += found.parts
      result.bytes += end
      const fileName = path.slice(paths.logDirectory.length + 1)
      result.damage.push(...found.damage.map((each) => ({ file: fileName, ...each })))
    } finally {
      file.close()
    }
  }
  result.ok = result.damage.length === 0
  return result
}

function openIfThere(fileSystem: FileSystem, path: string): OpenFile | undefined {
  try {
    return fileSystem.open(path, 'read')
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return undefined
    throw ioError('verify', path, error)
  }
}

type Place = Omit<Damage, 'file'>

async function verifyFile(file: OpenFile, end: number, slices: Slices) {
  const checkpoint = await readCheckpoint(file, slices, () => {})
  const damage: Place[] = checkpoint.bad.map(({ number, offset, length }) => ({ line: number, offset, bytes: length }))
  if (checkpoint.bad.length === 0 && checkpoint.lost.length > 0) {
    damage.push({ line: checkpoint.nextLine, offset: checkpoint.end, bytes: 0 })
  }
  let records = 0
  let expected = checkpoint.seq === undefined ? undefined : checkpoint.seq + 1
  const start = { offset: checkpoint.end, line: checkpoint.nextLine, afterSeq: checkpoint.seq }
  for (const line of await surveyTail(file, start, slices)) {
    if (line.offset >= end) break
    const place = {
      line: line.number,
      offset: line.offset,
      bytes: line.length,
      ...(line.key !== undefined && { key: line.key }),
    }
    if (line.kind === 'bad' || !line.ended) {
      damage.push(place)
      if (expected !== undefined) expected++
      continue
    }
    records++
    if (expected !== undefined && line.seq !== expected) damage.push({ ...place, bytes: 0 })
    expected = line.seq + 1
  }
  return { damage, records, parts: checkpoint.parts }
}
