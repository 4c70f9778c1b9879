import type { FileStatus, FileSystem, OpenFile, OpenMode } from '../platform/file-system.js'

/**
 * The file system of a log's owner. It checks the lock before every change of a name.
 *
 * With `takeOver` another process can take the lock at any moment, also in the middle of a compaction, and then works with
 * the same names. So an owner creates, renames, links and removes files only while it holds the lock.
 */
export class GuardedFileSystem implements FileSystem {
  constructor(
    private readonly inner: FileSystem,
    /** Throws if the lock is lost. */
    private readonly checkLock: () => void,
  ) {}

  get renamesOpenFiles(): boolean {
    return this.inner.renamesOpenFiles
  }

  realPath(path: string): string {
    return this.inner.realPath(path)
  }

  makeDirectory(path: string): string | undefined {
    this.checkLock()
    return this.inner.makeDirectory(path)
  }

  list(path: string): string[] {
    return this.inner.list(path)
  }

  status(path: string): FileStatus | undefined {
    return this.inner.status(path)
  }

  open(path: string, mode: OpenMode): OpenFile {
    if (mode === 'create') this.checkLock()
    return this.inner.open(path, mode)
  }

  rename(from: string, to: string): void {
    this.checkLock()
    this.inner.rename(from, to)
  }

  link(from: string, to: string): void {
    this.checkLock()
    this.inner.link(from, to)
  }

  remove(path: string): void {
    this.checkLock()
    this.inner.remove(path)
  }

  removeLong(path: string): Promise<void> {
    this.checkLock()
    return this.inner.removeLong(path)
  }

  syncDirectory(path: string): Promise<void> {
    return this.inner.syncDirectory(path)
  }

  freeBytes(path: string): number | undefined {
    return this.inner.freeBytes(path)
  }

  isLocal(path: string): boolean {
    return this.inner.isLocal(path)
  }
}
