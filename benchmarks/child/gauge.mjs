/** Measures some work: wall time, CPU time of all threads, and bytes written to disk. */
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

/** The bytes that the kernel has written to disk for this process so far. Known only on Linux. */
function bytesToDisk() {
  try {
    return Number(/^write_bytes: (\d+)$/m.exec(readFileSync('/proc/self/io', 'utf8'))?.[1])
  } catch {
    return undefined
  }
}

/** The memory of the process without mapped files. Their pages are page cache, which the system can free at any time. */
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

/** Collects garbage several times, because the collector returns memory to the system in steps. */
export async function collectGarbage() {
  for (let i = 0; i < 5; i++) {
    globalThis.gc?.()
    await new Promise((resolve) => setTimeout(resolve, 100))
  }
}
