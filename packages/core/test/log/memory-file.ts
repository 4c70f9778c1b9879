import type { FileStatus, OpenFile } from '../support/core.js'

/** A file in memory, for what reads and writes one open file and nothing else. */
export class MemoryFile implements OpenFile {
  readonly path = '/memory/store.log'
  #bytes: Buffer

  constructor(bytes: Uint8Array | string = '') {
    this.#bytes = Buffer.from(bytes as string)
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
    const grown = Buffer.alloc(length)
    this.#bytes.copy(grown)
    added.copy(grown, position)
    this.#bytes = grown
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
