import type { FileStatus, OpenFile } from '../platform/file-system.js'

/** A read-only view of a file that another process appends to. Its length changes only in `refresh`. */
export class FollowedFile implements OpenFile {
  readonly path: string
  readonly identity: string
  #sizeBytes = 0

  constructor(private readonly file: OpenFile) {
    this.path = file.path
    try {
      this.identity = this.refresh().identity
    } catch (error) {
      file.close()
      throw error
    }
  }

  get sizeBytes(): number {
    return this.#sizeBytes
  }

  /** Takes over the current length. */
  refresh(): FileStatus {
    const status = this.file.status()
    this.#sizeBytes = status.sizeBytes
    return status
  }

  read(into: Uint8Array, position: number): number {
    const rest = this.#sizeBytes - position
    if (rest <= 0) return 0
    return this.file.read(rest < into.length ? into.subarray(0, rest) : into, position)
  }

  status(): FileStatus {
    return { kind: 'file', sizeBytes: this.#sizeBytes, identity: this.identity }
  }

  write(): number {
    throw this.#readOnly()
  }

  truncate(): void {
    throw this.#readOnly()
  }

  sync(): Promise<void> {
    return Promise.reject(this.#readOnly())
  }

  close(): void {
    this.file.close()
  }

  #readOnly(): Error {
    return new Error(`${this.path} is open for reading only`)
  }
}
