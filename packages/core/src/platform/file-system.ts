/**
 * What the engine needs from a file system. `node-file-system.ts` implements it; tests also run on a simulated disk that
 * loses, tears and refuses writes.
 *
 * Reads and writes are synchronous: a write to the page cache takes microseconds, a detour through the thread pool a
 * hundred times as long. Only calls that wait for the device are asynchronous.
 *
 * Every method throws, or rejects with, the error of the system, which has a `code` such as `ENOENT`.
 */
export interface FileSystem {
  /** The absolute path, with all symbolic links resolved. */
  realPath(path: string): string
  /** Makes the directory and its parents if they are missing. Returns the topmost directory that it made. */
  makeDirectory(path: string): string | undefined
  /** The names in a directory, in any order. */
  list(path: string): string[]
  /** Undefined if nothing has this path. */
  status(path: string): FileStatus | undefined
  open(path: string, mode: OpenMode): OpenFile
  /** Replaces a file at `to`. */
  rename(from: string, to: string): void
  /** Gives a file a second name; an error if `to` exists. */
  link(from: string, to: string): void
  /** Removes a name; an error if it does not exist. */
  remove(path: string): void
  /** `remove` for a large file: to free the blocks of some gigabytes takes the system a second. */
  removeLong(path: string): Promise<void>
  /** Makes the present names in a directory durable. */
  syncDirectory(path: string): Promise<void>
  /** How many bytes this user can still write there; undefined if the system does not report it. */
  freeBytes(path: string): number | undefined
  /** False if a file must be closed before it is renamed or replaced (Windows). */
  readonly renamesOpenFiles: boolean
  /** False if other machines may have access to the directory (NFS, SMB, …). */
  isLocal(path: string): boolean
}

export interface FileStatus {
  kind: 'file' | 'directory' | 'other'
  sizeBytes: number
  /** Device and inode: differs for two files that had the same name one after the other. */
  identity: string
}

/** `read`: must exist. `write`: must exist, for reading and writing. `create`: must not exist, for reading and writing. */
export type OpenMode = 'read' | 'write' | 'create'

export interface OpenFile {
  readonly path: string
  /** Fills `into` from `position` up to the end of the file. Returns the number of bytes; 0 at the end. */
  read(into: Uint8Array, position: number): number
  /** Returns the number of bytes written: on a disk that becomes full it is lower, without an error. */
  write(bytes: Uint8Array | string, position: number): number
  truncate(sizeBytes: number): void
  /** Makes the bytes and the length of the file durable (`fdatasync`). */
  sync(): Promise<void>
  status(): FileStatus
  /**
   * Never throws. Bytes that must be durable were synced before, and after an error of `close` the file is closed all
   * the same. It must not replace the error that led to the closing.
   */
  close(): void
}
