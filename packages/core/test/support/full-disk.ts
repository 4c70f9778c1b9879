import type { OpenFile, OpenMode } from './core.js'
import { type CallKind, FaultyFileSystem, systemError } from './faulty-file-system.js'

const BLOCK_BYTES = 4096

/**
 * A disk on which others take every block that comes free: a file can be written to as far as the blocks go that it has,
 * and no further. Names and empty files cost nothing.
 */
export class FullDisk extends FaultyFileSystem {
  isFull = false
  /** Called before each call that is made. */
  onCall: ((kind: CallKind, path: string) => void) | undefined

  override open(path: string, mode: OpenMode): OpenFile {
    const file = super.open(path, mode)
    const { write } = file
    file.write = (bytes, position) => {
      const whole = Buffer.from(bytes as string)
      const room = this.isFull
        ? Math.ceil(file.status().sizeBytes / BLOCK_BYTES) * BLOCK_BYTES - position
        : whole.length
      if (room <= 0 && whole.length > 0) throw systemError('ENOSPC')
      return write.call(file, whole.subarray(0, room), position)
    }
    return file
  }

  override before(kind: CallKind, path: string): void {
    this.onCall?.(kind, path)
    super.before(kind, path)
  }

  override beforeWrite(path: string, length: number): number {
    this.onCall?.('write', path)
    return super.beforeWrite(path, length)
  }

  override async beforeWaiting(kind: 'sync' | 'syncDirectory', path: string): Promise<void> {
    this.onCall?.(kind, path)
    await super.beforeWaiting(kind, path)
  }
}
