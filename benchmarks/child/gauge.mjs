/** What a stretch of work costs: wall time, CPU time of all threads, and bytes handed to the disk. */
import { readFileSync } from 'node:fs'

export function startGauge() {
  const bytesBefore = bytesToDisk()
  const cpuBefore = process.cpuUsage()
  const wallBefore = performance.now()
  return () => {
    const wallMs = performance.now() - wallBefore
    const cpu = process.cpuUsage(cpuBefore)
    const bytesAfter = bytesToDisk()
    return {
      wallMs,
      cpuMs: (cpu.user + cpu.system) / 1000,
      writtenBytes: bytesBefore === undefined ? undefined : bytesAfter - bytesBefore,
    }
  }
}

/** What this process made the kernel write to storage so far. Only Linux says. */
function bytesToDisk() {
  try {
    return Number(/^write_bytes: (\d+)$/m.exec(readFileSync('/proc/self/io', 'utf8'))?.[1])
  } catch {
    return undefined
  }
}

/**
 * Memory that is this process's own. Pages of mapped files are left out: they are the page cache, which the system
 * takes back when it likes.
 */
export function privateBytes() {
  try {
    return Number(/^RssAnon:\s+(\d+) kB$/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1]) * 1024
  } catch {
    return process.memoryUsage.rss()
  }
}

export function heapBytes() {
  const { heapUsed, external } = process.memoryUsage()
  return heapUsed + external
}

/** The collector gives pages back to the system in steps, some of them later. */
export async function collectGarbage() {
  for (let i = 0; i < 5; i++) {
    globalThis.gc?.()
    await new Promise((resolve) => setTimeout(resolve, 100))
  }
}
