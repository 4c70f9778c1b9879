import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { MemoryDisk } from '../damage/memory-disk.js'
import { logOf, logsOf } from '../recovery/installation.js'

/** Writes the files of stores of format 0. */

export const mainOf = (dir: string) => join(dir, 'store.json')

export function line(fields: object): string {
  return `${JSON.stringify({ timestamp: '2024-06-01T10:00:00.000Z', ...fields })}\n`
}
export const set = (key: string, value: unknown) => line({ op: 'SET', key, value })
export const del = (key: string) => line({ op: 'DELETE', key })
export const checkpoint = (state: object) => line({ op: 'CHECKPOINT', state, compactedAt: '2024-06-01T10:00:00.000Z' })

export interface LegacyFiles {
  readonly main?: string | object
  readonly log?: string | Buffer
}

/** Writes the files into an existing directory and returns the directory. */
export function writeLegacy(dir: string, { main, log }: LegacyFiles): string {
  mkdirSync(logsOf(dir))
  if (main !== undefined) writeFileSync(mainOf(dir), typeof main === 'string' ? main : JSON.stringify(main, null, 2))
  if (log !== undefined) writeFileSync(logOf(dir), log)
  return dir
}

/** The paths on a disk in memory. */
export const LOG = '/data/logs/store.log'
export const MAIN = '/data/store.json'

export function memoryDisk({ main, log }: { main?: Buffer | string; log?: Buffer | string }): MemoryDisk {
  const disk = new MemoryDisk(['/', '/data', '/data/logs'])
  if (main !== undefined) disk.put(MAIN, Buffer.from(main))
  if (log !== undefined) disk.put(LOG, Buffer.from(log))
  return disk
}
