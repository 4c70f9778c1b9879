import type { OpenFile, OpenMode } from './core.js'
import { type CallKind, FaultyFileSystem, systemError } from './faulty-file-system.js'

const BLOCK_BYTES = 4096

/**
 * A disk on which other programs take every block that is freed: a file can be written within the blocks that it has, but
 * cannot grow. Names and empty files take no space.
 */
export class FullDisk extends FaultyFileSystem {
  isFull = false
  /** Called before each call. */
  onCall: ((kind: CallKind, path: string) => void) | undefined

  override open(path: string, mode: OpenMode): OpenFile {
    const file = super.open(path, mode)
    const { write } = file
    file.write = (bytes, position) => {
      const whole = Buffer.from(bytes as string)
      const spaceBytes = this.isFull
        ? Math.ceil(file.status().sizeBytes / BLOCK_BYTES) * BLOCK_BYTES - position
        : whole.length
      if (spaceBytes <= 0 && whole.length > 0) throw systemError('ENOSPC')
      return write.call(file, whole.subarray(0, spaceBytes), position)
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
