import { execFileSync } from 'node:child_process'
import {
  closeSync,
  mkdtempSync,
  openSync,
  rmSync,
  statfsSync,
  statSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach } from 'vitest'

/**
 * `FLATLOG_DISK=ext4` uses ext4 images instead of tmpfs.
 * They are slower, and closer to the disks of users.
 */
const onExt4 = process.env.FLATLOG_DISK === 'ext4'

/** A mounted file system that is small enough to be filled to its last byte. */
export class SmallDisk {
  readonly path: string
  readonly #image: string
  readonly #filler: string

  constructor(sizeBytes: number) {
    this.path = mkdtempSync(join(tmpdir(), 'flatlog-disk-'))
    this.#image = `${this.path}.img`
    try {
      if (onExt4) mountImage(this.#image, sizeBytes, this.path)
      else run('mount', '-t', 'tmpfs', '-o', `size=${sizeBytes}`, 'flatlog-test', this.path)
    } catch (error) {
      this.#forget()
      throw error
    }
    this.#filler = join(this.path, 'filler')
  }

  get freeBytes(): number {
    const { bavail, bsize } = statfsSync(this.path)
    return bavail * bsize
  }

  /** Takes all free space: block by block, and the last block byte by byte. */
  fill(): void {
    const descriptor = openSync(this.#filler, 'a')
    try {
      for (const bytes of [65_536, 4096, 1].map((length) => Buffer.alloc(length, 'x'))) {
        while (isWritten(descriptor, bytes));
      }
    } finally {
      closeSync(descriptor)
    }
  }

  /** Frees `bytes` bytes in whole blocks; by default all that `fill` took. */
  giveBack(bytes = Number.POSITIVE_INFINITY): void {
    truncateSync(this.#filler, Math.max(0, statSync(this.#filler).size - bytes))
  }

  /** Works also if a failed test left files open on the disk. */
  remove(): void {
    run('umount', '-l', this.path)
    this.#forget()
  }

  #forget(): void {
    rmSync(this.path, { recursive: true })
    rmSync(this.#image, { force: true })
  }
}

function run(command: string, ...args: string[]): void {
  execFileSync(command, args, { stdio: 'ignore' })
}

/**
 * The journal of ext4 needs 5 MiB more.
 * `-m 0`: no blocks are reserved for root, as which the tests run.
 */
function mountImage(image: string, sizeBytes: number, at: string): void {
  writeFileSync(image, '')
  truncateSync(image, sizeBytes + 5 * 1024 * 1024)
  run('mkfs.ext4', '-q', '-m', '0', '-b', '4096', image)
  run('mount', '-o', 'loop', image, at)
}

function isWritten(descriptor: number, bytes: Buffer): boolean {
  try {
    return writeSync(descriptor, bytes) === bytes.length
  } catch (error) {
    if ((error as { code?: string }).code === 'ENOSPC') return false
    throw error
  }
}

/**
 * True if this user may mount file systems.
 * If not, the tests that need a small disk are skipped.
 */
export const canMount = (() => {
  try {
    new SmallDisk(65_536).remove()
    return true
  } catch {
    return false
  }
})()

/**
 * Call it once in a file.
 * The disks that the returned function makes are removed after each test.
 */
export function useSmallDisks(): (sizeBytes?: number) => SmallDisk {
  const disks: SmallDisk[] = []
  afterEach(() => {
    for (const disk of disks.splice(0)) disk.remove()
  })
  return (sizeBytes = 2 * 1024 * 1024) => {
    const disk = new SmallDisk(sizeBytes)
    disks.push(disk)
    return disk
  }
}

/** Resolves as soon as the condition holds, with the time that it took. */
export async function untilSo(isSo: () => boolean | Promise<boolean>): Promise<number> {
  const startMs = performance.now()
  while (!(await isSo())) await new Promise((resolve) => setImmediate(resolve))
  return performance.now() - startMs
}
