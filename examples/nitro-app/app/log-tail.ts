import { open } from 'node:fs/promises'
import { join } from 'node:path'

const TAIL_BYTES = 16_384

/** Reads the last lines of a log, as `tail` does. Returns none if there is no log yet. */
export async function lastLines(directory: string, name: string, count: number): Promise<string[]> {
  const file = await open(join(directory, 'logs', `${name}.log`)).catch(() => undefined)
  if (!file) return []
  try {
    const { size } = await file.stat()
    const length = Math.min(size, TAIL_BYTES)
    const { buffer } = await file.read(Buffer.alloc(length), 0, length, size - length)
    return buffer.toString('utf8').trimEnd().split('\n').slice(-count)
  } finally {
    await file.close()
  }
}
