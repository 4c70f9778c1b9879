import { cpSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Store } from './core.js'

/** What tests look at from outside: the files of a store, and its whole state. */

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

/** The lines of a log, parsed; throws where a line is no JSON. */
export function linesOf(path: string): ParsedLine[] {
  const text = readFileSync(path, 'utf8')
  return text
    .split('\n')
    .slice(0, -1)
    .map((line) => JSON.parse(line) as ParsedLine)
}

/** The records behind the checkpoint. */
export function recordsOf(dir: string, name = 'store'): ParsedLine[] {
  return linesOf(logPath(dir, name)).filter((line) => line.op !== 'CHECKPOINT')
}

/** The names in the log directory, in order. */
export function namesAndSockets(dir: string): string[] {
  return readdirSync(join(dir, 'logs')).sort()
}

/** The same without the sockets of living owners. */
export function fileNames(dir: string): string[] {
  return namesAndSockets(dir).filter((fileName) => !fileName.endsWith('.sock'))
}

export function stateOf(store: Store): Record<string, unknown> {
  return Object.fromEntries(store.entries())
}

/**
 * The files as they are this very moment, copied elsewhere: what a process that is killed now would leave. The copy
 * can be opened while the original goes on; its lock is stale, as nobody listens at the socket that it names.
 */
export function copyAsOfNow(dir: string, to: string): string {
  const isSocket = (path: string) => path.endsWith('.sock')
  cpSync(dir, to, { recursive: true, filter: (source) => !isSocket(source) })
  // Sockets cannot be copied; a plain file refuses connections as the socket of a dead process does.
  for (const fileName of readdirSync(join(dir, 'logs')).filter(isSocket)) writeFileSync(join(to, 'logs', fileName), '')
  return to
}
