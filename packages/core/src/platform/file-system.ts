/**
 * All that the engine asks of a file system. The one implementation on `node:fs` stands beside this file; a simulated
 * disk implements the same and loses, tears and refuses as it is told.
 *
 * Reads and writes are synchronous: a write to the page cache takes microseconds, the way through the thread pool a
 * hundred times that. Only what waits for the device is asynchronous.
 *
 * Every method throws (or rejects with) the system's own error, which carries a `code` such as `ENOENT`.
 */
export interface FileSystem {
  /** The absolute path with all symbolic links followed. */
  realPath(path: string): string
  /** Makes the directory and its parents; no error if it is there. Returns the topmost directory that it made. */
  makeDirectory(path: string): string | undefined
  /** The names in a directory, in no particular order. */
  list(path: string): string[]
  /** What stands at a path, or undefined if nothing does. */
  status(path: string): FileStatus | undefined
  open(path: string, mode: OpenMode): OpenFile
  /** Replaces what stands at `to`. */
  rename(from: string, to: string): void
  /** A second name for the same file; an error if `to` is there. */
  link(from: string, to: string): void
  /** Removes a name; an error if it is not there. */
  remove(path: string): void
  /** The same for a long file: giving the blocks of some gigabytes back takes the system a second. */
  removeLong(path: string): Promise<void>
  /** Makes new, renamed and removed names of a directory durable. */
  syncDirectory(path: string): Promise<void>
  /** Bytes that this user can still write there, or undefined where the system does not say. */
  freeBytes(path: string): number | undefined
  /** False where a file must be closed before it can be renamed or replaced (Windows). */
  readonly renamesOpenFiles: boolean
  /** False where the directory may be shared with other machines (NFS, SMB, …). */
  isLocal(path: string): boolean
}

export interface FileStatus {
  kind: 'file' | 'directory' | 'other'
  sizeBytes: number
  /** What tells two files apart that had the same name one after the other. */
  identity: string
}

/** `read`: must be there. `write`: must be there, for reading and writing. `create`: must not be there. */
export type OpenMode = 'read' | 'write' | 'create'

export interface OpenFile {
  readonly path: string
  /** Fills `into` from `position` as far as the file goes; returns the number of bytes, 0 at the end. */
  read(into: Uint8Array, position: number): number
  /** Returns how many bytes were taken: fewer than given, without an error, when a disk runs full. */
  write(bytes: Uint8Array | string, position: number): number
  truncate(sizeBytes: number): void
  /** Makes the file's bytes and its length durable (`fdatasync`). */
  sync(): Promise<void>
  status(): FileStatus
  /**
   * Never throws. What has to be on disk was synced before, and a file whose closing reports an error is closed all the
   * same: there is nothing that anyone could do about it, and it must not hide the error that led to the closing.
   */
  close(): void
}
