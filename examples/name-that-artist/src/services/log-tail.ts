// The last lines of a log, as `tail` would show them: a log is plain text, and needs no tool to be read.
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
    // What was read may begin in the middle of a line, which is shown only when there is no other.
    return (start > 0 && found.length > 1 ? found.slice(1) : found).slice(-lines)
  } finally {
    await file.close()
  }
}
