import { join } from 'node:path'
import { type SliceOptions, Slices } from '../platform/clock.js'
import { FlatlogError } from '../platform/errors.js'
import type { FileStatus, FileSystem, OpenFile, OpenMode } from '../platform/file-system.js'
import type { Machine } from '../platform/machine.js'
import { freePath, removeIfThere } from '../platform/whole-file.js'

/** A former log, kept beside the present one. */
export interface Backup {
  readonly path: string
  readonly fileName: string
  /** Its last record, according to its name. */
  readonly lastSeq: number
}

const SEQ_DIGITS = 16
const OWN_TOKEN_DIGITS = 8
const UNFINISHED_ENDING = /^\.log\.new(-[0-9a-f]{8})?$/
const BACKUP_ENDING = /^\.log\.backup\.\d{8}T\d{6}Z-(\d{16})$/
const SIDE_FILE_ENDING = /^\.(mark|mark\.damaged.*|log\.damaged\..*|log\.quarantine\..*)$/

/**
 * The files of one store: where each of them is, which of them exist, and free names for those that are kept. Nothing
 * else in the directory is ever touched.
 */
export class StoreFiles {
  readonly logDirectory: string
  readonly logName: string
  readonly log: string
  /** The very first log while it is written. */
  readonly first: string
  readonly markName: string
  readonly mark: string
  readonly lock: string
  /** The main file, `NAME.json`. */
  readonly main: string
  readonly mainName: string

  constructor(
    readonly machine: Machine,
    readonly directory: string,
    readonly name: string,
    /** Set apart from those of a former owner who may still be writing. */
    private readonly unfinishedSuffix = '',
  ) {
    this.logDirectory = join(directory, 'logs')
    this.logName = `${name}.log`
    this.log = this.pathOf(this.logName)
    this.first = `${this.log}.first`
    this.markName = `${name}.mark`
    this.mark = this.pathOf(this.markName)
    this.lock = this.pathOf(`${name}.lock`)
    this.mainName = `${name}.json`
    this.main = join(directory, this.mainName)
  }

  /** A generation while it is written; a rename makes it the log. */
  get unfinished(): string {
    return `${this.log}.new${this.unfinishedSuffix}`
  }

  /** The mark while it is written. */
  get unfinishedMark(): string {
    return `${this.mark}.new`
  }

  /** The main file while it is written. */
  get unfinishedMain(): string {
    return `${this.main}.new`
  }

  /**
   * A copy of the file at `path` while it is written, where a second name is not possible. A user may call a copy of the
   * log `.copy`, so this name is longer.
   */
  unfinishedCopyOf(path: string): string {
    return `${path}.unfinished-copy`
  }

  /**
   * For the successor of an owner that may still be at work: its unfinished generation gets a name of its own, so that
   * neither can rename or remove the files of the other.
   */
  forSuccessor(token: string): StoreFiles {
    return new StoreFiles(this.machine, this.directory, this.name, `-${token.slice(0, OWN_TOKEN_DIGITS)}`)
  }

  /** The same files, reached through another file system. */
  through(fileSystem: FileSystem): StoreFiles {
    return new StoreFiles({ ...this.machine, fileSystem }, this.directory, this.name, this.unfinishedSuffix)
  }

  get fileSystem(): FileSystem {
    return this.machine.fileSystem
  }

  get clock() {
    return this.machine.clock
  }

  slices(options?: SliceOptions): Slices {
    return new Slices(this.clock, options)
  }

  now(): string {
    return new Date(this.clock.now()).toISOString()
  }

  // What exists

  status(path: string): FileStatus | undefined {
    return this.fileSystem.status(path)
  }

  open(path: string, mode: OpenMode): OpenFile {
    return this.fileSystem.open(path, mode)
  }

  /** The names in the log directory, also those of other stores. */
  list(): string[] {
    return this.fileSystem.list(this.logDirectory)
  }

  /** The backups of this store, the newest first. */
  backups(fileNames: readonly string[] = this.list()): Backup[] {
    const backups: Backup[] = []
    for (const fileName of fileNames) {
      const lastSeq = BACKUP_ENDING.exec(this.#endingOf(fileName))?.[1]
      if (lastSeq !== undefined) backups.push({ path: this.pathOf(fileName), fileName, lastSeq: Number(lastSeq) })
    }
    return backups.sort((a, b) => b.lastSeq - a.lastSeq || (a.fileName < b.fileName ? 1 : -1))
  }

  /** Generations that are not finished, or were about to become the log; other owners may have written them. */
  unfinishedAmong(fileNames: readonly string[]): string[] {
    return fileNames.filter((fileName) => UNFINISHED_ENDING.test(this.#endingOf(fileName)))
  }

  /** The files that only a log of version 1 has beside it. */
  version1FilesAmong(fileNames: readonly string[]): string[] {
    const backups = this.backups(fileNames).map((backup) => backup.fileName)
    const others = fileNames.filter((fileName) => SIDE_FILE_ENDING.test(this.#endingOf(fileName)))
    return [...backups, ...this.unfinishedAmong(fileNames), ...others]
  }

  /** Empty for a file that is not of this store. */
  #endingOf(fileName: string): string {
    return fileName.startsWith(`${this.name}.`) ? fileName.slice(this.name.length) : ''
  }

  /** True if there is neither a main file nor one that was set aside. */
  isMainFileGone(): boolean {
    return !this.status(this.main) && !this.status(this.staleMain)
  }

  /** Throws if another log's name differs only by case: some file systems would treat both as one. */
  checkNeighbours(fileNames: readonly string[]): void {
    const own = this.logName
    const clash = fileNames.find((name) => name !== own && name.toLowerCase() === own.toLowerCase())
    if (clash === undefined) return
    throw new FlatlogError(
      'FLATLOG_INVALID_NAME',
      `The store name ${JSON.stringify(this.name)} differs only by case from ${this.pathOf(clash)}. ` +
        'What to do: open the store by the name that is there, or choose another.',
      { path: this.pathOf(clash) },
    )
  }

  // Names

  pathOf(fileName: string): string {
    return join(this.logDirectory, fileName)
  }

  /** The name of a file in the log directory. */
  nameOf(path: string): string {
    return path.slice(this.logDirectory.length + 1)
  }

  /** A free name for a backup. Two compactions within a second, without a record between them, get different times. */
  newBackupPath(lastSeq: number): string {
    for (let unixMs = this.clock.now(); ; unixMs += 1000) {
      const path = `${this.log}.backup.${fileTime(unixMs)}-${String(lastSeq).padStart(SEQ_DIGITS, '0')}`
      if (!this.status(path)) return path
    }
  }

  /** A free name for a torn tail that was cut off at `offset`. */
  newQuarantinePath(offset: number): string {
    return freePath(this.fileSystem, `${this.log}.quarantine.${fileTime(this.clock.now())}-${offset}`)
  }

  /** A free name for a log that is damaged or not trusted. */
  newDamagedPath(lastSeq: number): string {
    return freePath(this.fileSystem, `${this.log}.damaged.${lastSeq}`)
  }

  /** A free name for a mark that is damaged or belongs to another store. */
  newDamagedMarkPath(): string {
    return freePath(this.fileSystem, `${this.mark}.damaged`)
  }

  /** Where a file of format 0 is kept after its import. If that is taken, a number follows. */
  originalOf(path: string): string {
    return `${path}.before-flatlog`
  }

  /** Where the main file is kept when it no longer shows the state. */
  get staleMain(): string {
    return `${this.main}.stale`
  }

  // Leftovers

  /**
   * Removes what a crash during a publication leaves: unfinished files, and a backup's name that the log itself got and
   * kept. That is not a backup: it would grow with the log, and be damaged with it.
   */
  removeLeftovers(): void {
    const { log, main } = this
    const unfinished = this.unfinishedAmong(this.list()).map((fileName) => this.pathOf(fileName))
    const copies = [log, main].map((path) => this.unfinishedCopyOf(path))
    for (const path of [...unfinished, ...copies, this.first, this.unfinishedMark, this.unfinishedMain]) {
      removeIfThere(this.fileSystem, path)
    }
    this.#removeSecondNames()
  }

  /** Removes backup names of the log itself. */
  #removeSecondNames(): void {
    const identityOf = (path: string) => this.status(path)?.identity
    const log = identityOf(this.log)
    // A system may give all files one identity. Then identities prove nothing.
    if (log === undefined || log === identityOf(this.lock)) return
    for (const { path } of this.backups()) if (identityOf(path) === log) removeIfThere(this.fileSystem, path)
  }

  /** Makes new, renamed and removed names in the log directory durable. */
  syncNames(): Promise<void> {
    return this.fileSystem.syncDirectory(this.logDirectory)
  }
}

/** 20250115T130000Z: sorts by time, and every file system allows it in a name. */
function fileTime(unixMs: number): string {
  return new Date(unixMs).toISOString().replace(/[-:]/g, '').replace(/\.\d+/, '')
}
