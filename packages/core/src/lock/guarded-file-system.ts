import type { FileStatus, FileSystem, OpenFile, OpenMode } from '../platform/file-system.js'

/**
 * The file system of whoever owns the log. An owner may be robbed of its lock at any moment, in the middle of a
 * compaction too, and then works with the very names that the next owner uses. So it looks at its lock each time that
 * it makes, changes or removes a name, and does not do so when the lock is somebody else's.
 */
export class GuardedFileSystem implements FileSystem {
  constructor(
    private readonly inner: FileSystem,
    /** Throws when the lock is lost. */
    private readonly mustOwn: () => void,
  ) {}

  get renamesOpenFiles(): boolean {
    return this.inner.renamesOpenFiles
  }

  realPath(path: string): string {
    return this.inner.realPath(path)
  }

  makeDirectory(path: string): string | undefined {
    this.mustOwn()
    return this.inner.makeDirectory(path)
  }

  list(path: string): string[] {
    return this.inner.list(path)
  }

  status(path: string): FileStatus | undefined {
    return this.inner.status(path)
  }

  open(path: string, mode: OpenMode): OpenFile {
    if (mode === 'create') this.mustOwn()
    return this.inner.open(path, mode)
  }

  rename(from: string, to: string): void {
    this.mustOwn()
    this.inner.rename(from, to)
  }

  link(from: string, to: string): void {
    this.mustOwn()
    this.inner.link(from, to)
  }

  remove(path: string): void {
    this.mustOwn()
    this.inner.remove(path)
  }

  removeLong(path: string): Promise<void> {
    this.mustOwn()
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
