import { cpSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Store } from './core.js'

/** Reads the files of a store and its whole state. */

export function logPath(dir: string, name = 'store'): string {
  return join(dir, 'logs', `${name}.log`)
}

export interface ParsedLine {
  timestamp: string
  seq: number
  synced?: number
  op: string
  key?: string
  [field: string]: unknown
}

/** The lines of a log, parsed; throws if a line is not JSON. */
export function linesOf(path: string): ParsedLine[] {
  const text = readFileSync(path, 'utf8')
  return text
    .split('\n')
    .slice(0, -1)
    .map((line) => JSON.parse(line) as ParsedLine)
}

/** The records after the checkpoint. */
export function recordsOf(dir: string, name = 'store'): ParsedLine[] {
  return linesOf(logPath(dir, name)).filter((line) => line.op !== 'CHECKPOINT')
}

/** The names in the log directory, sorted. */
export function namesAndSockets(dir: string): string[] {
  return readdirSync(join(dir, 'logs')).sort()
}

/** The names in the log directory without the sockets of living owners, sorted. */
export function fileNames(dir: string): string[] {
  return namesAndSockets(dir).filter((fileName) => !fileName.endsWith('.sock'))
}

export function stateOf(store: Store): Record<string, unknown> {
  return Object.fromEntries(store.entries())
}

/**
 * Copies the files as they are at this moment, as a kill would leave them. The copy
 * can be opened while the original is in use: its lock is stale, because no process listens at its socket.
 */
export function copyAsOfNow(dir: string, to: string): string {
  const isSocket = (path: string) => path.endsWith('.sock')
  cpSync(dir, to, { recursive: true, filter: (source) => !isSocket(source) })
  // Sockets cannot be copied; a plain file refuses connections as the socket of a dead process does.
  for (const fileName of readdirSync(join(dir, 'logs')).filter(isSocket)) writeFileSync(join(to, 'logs', fileName), '')
  return to
}
