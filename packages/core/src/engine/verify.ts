import { type Backup, backupsAmong } from '../log/store-files.js'
import { Slices } from '../platform/clock.js'
import { ioError } from '../platform/errors.js'
import type { OpenFile } from '../platform/file-system.js'
import { openIfThere } from '../platform/whole-file.js'
import type { Verification } from './backend.js'
import type { LiveLog } from './live-log.js'
import type { Maintenance } from './maintenance.js'
import { type DamagedPlace, type FileFound, verifyFile } from './verify-file.js'
import { damageOfMainFile, damageOfMark } from './verify-side-files.js'

/** Reads all files of the store whole, in slices, and names every place that is not what was written. */
export async function verify(log: LiveLog, maintenance: Maintenance): Promise<Verification> {
  try {
    return await new Verifier(log, maintenance).run()
  } catch (error) {
    throw ioError('verify', log.paths.log, error)
  }
}

/** It takes half of the time at most: reading everything is no hurry. */
const REST_SHARE = 1

class Verifier {
  readonly #slices: Slices
  readonly #result: Verification = { ok: true, damage: [], records: 0, parts: 0, bytes: 0 }

  constructor(
    private readonly log: LiveLog,
    private readonly maintenance: Maintenance,
  ) {
    this.#slices = new Slices(log.machine.clock, { restShare: REST_SHARE })
  }

  async run(): Promise<Verification> {
    const { log } = this
    const { paths, sideFiles } = log
    await this.#verifyLog()
    await sideFiles.settled()
    this.#add(`${paths.name}.mark`, damageOfMark(log))
    this.#add(`${paths.name}.json`, await damageOfMainFile(log, this.#slices))
    const backups = backupsAmong(paths, log.machine.fileSystem.list(paths.logDirectory))
    for (const backup of backups) await this.#verifyBackup(backup)
    this.#result.ok = this.#result.damage.length === 0
    return this.#result
  }

  #add(file: string, place: DamagedPlace | undefined): void {
    if (place) this.#result.damage.push({ file, ...place })
  }

  async #verifyLog(): Promise<void> {
    const { paths, machine, writer } = this.log
    const fileName = `${paths.name}.log`
    // In the midst of a publication the name stands for a file that nothing is written to yet.
    await this.maintenance.idle()
    const file = openIfThere(machine.fileSystem, paths.log)
    try {
      if (file?.status().identity !== writer.file.status().identity) {
        this.#add(fileName, { line: 1, offset: 0, bytes: file?.status().sizeBytes ?? 0 })
        return
      }
      // What is written while this reads lies behind the end that is taken now.
      const { offset, writtenSeq } = writer
      const { lastSeq, end, damage } = await this.#verifyFile(file as OpenFile, fileName, offset)
      if (lastSeq !== undefined && lastSeq < writtenSeq) this.#add(fileName, end)
      for (const { offset } of damage) this.#lookAt(offset)
    } finally {
      file?.close()
    }
  }

  /** What is found damaged is healed where that is possible, as if somebody had read it. */
  #lookAt(offset: number): void {
    try {
      this.log.state.checkPartAt(offset)
    } catch {
      // It is named in the result.
    }
  }

  async #verifyBackup({ path, fileName, lastSeq }: Backup): Promise<void> {
    const { storeId, machine } = this.log
    const file = openIfThere(machine.fileSystem, path)
    // A compaction has removed it meanwhile.
    if (!file) return
    try {
      const { sizeBytes } = file.status()
      const found = await this.#verifyFile(file, fileName, sizeBytes)
      if (found.damage.length > 0) return
      // Whole, but not the file that was given this name.
      if (found.store !== storeId) this.#add(fileName, { line: 1, offset: 0, bytes: sizeBytes })
      else if (found.lastSeq !== lastSeq) this.#add(fileName, found.end)
    } finally {
      file.close()
    }
  }

  async #verifyFile(file: OpenFile, fileName: string, end: number): Promise<FileFound> {
    const found = await verifyFile(file, end, this.#slices)
    for (const place of found.damage) this.#add(fileName, place)
    this.#result.records += found.records
    this.#result.parts += found.parts
    this.#result.bytes += end
    return found
  }
}
