import type { FileStatus, OpenFile } from '../support/core.js'

/** A file in memory, for code that reads and writes one open file. */
export class MemoryFile implements OpenFile {
  readonly path = '/memory/store.log'
  /** The start of an array buffer that may be longer, so that writing many times is fast. */
  #bytes = Buffer.from(new ArrayBuffer(0))

  constructor(bytes: Uint8Array | string = '') {
    this.write(bytes, 0)
  }

  get bytes(): Buffer {
    return this.#bytes
  }

  get lines(): string[] {
    return this.#bytes.toString('utf8').split('\n').slice(0, -1)
  }

  read(into: Uint8Array, position: number): number {
    if (position >= this.#bytes.length) return 0
    return this.#bytes.copy(into, 0, position, Math.min(this.#bytes.length, position + into.length))
  }

  write(bytes: Uint8Array | string, position: number): number {
    const added = Buffer.from(bytes as string)
    const length = Math.max(this.#bytes.length, position + added.length)
    const former = this.#bytes
    const fits = former.buffer.byteLength >= length
    this.#bytes = Buffer.from(fits ? former.buffer : new ArrayBuffer(2 * length), 0, length)
    if (!fits) former.copy(this.#bytes)
    this.#bytes.fill(0, former.length)
    added.copy(this.#bytes, position)
    return added.length
  }

  truncate(sizeBytes: number): void {
    this.#bytes = this.#bytes.subarray(0, sizeBytes)
  }

  async sync(): Promise<void> {}

  status(): FileStatus {
    return { kind: 'file', sizeBytes: this.#bytes.length, identity: 'memory' }
  }

  close(): void {}
}
