// Reads the last lines of a log, as `tail` does. Logs are plain text, so this needs nothing from Flatlog.
import { open } from 'node:fs/promises'
import { join } from 'node:path'

const TAIL_BYTES = 65_536

export async function tailOfLog(dir: string, name: string, lines: number): Promise<string[]> {
  const file = await open(join(dir, 'logs', `${name}.log`)).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined
    throw error
  })
  if (!file) return []
  try {
    const { size } = await file.stat()
    const start = Math.max(0, size - TAIL_BYTES)
    const { buffer, bytesRead } = await file.read(Buffer.alloc(size - start), 0, size - start, start)
    const found = buffer
      .toString('utf8', 0, bytesRead)
      .split('\n')
      .filter((line) => line !== '')
    // The first line may be incomplete. It is returned only if there is no other.
    return (start > 0 && found.length > 1 ? found.slice(1) : found).slice(-lines)
  } finally {
    await file.close()
  }
}
