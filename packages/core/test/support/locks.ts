import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { LockRecord } from './core.js'
import { machine } from './machine.js'
import { ManualClock } from './manual-clock.js'

/** The record of a lock that this process holds, with the fields that the test sets. */
export function lockRecord(parts: Partial<LockRecord> = {}): LockRecord {
  const { pid, thread, host, bootId, pidNamespace, processStart } = machine().processes
  return {
    pid,
    thread,
    start: processStart(pid) ?? null,
    bootId,
    pidNamespace,
    host,
    token: 'a'.repeat(32),
    since: '2025-01-15T12:00:00.000Z',
    socket: null,
    ...parts,
  }
}

export function lockPath(dir: string): string {
  return join(dir, 'logs', 'store.lock')
}

/** Writes the lock of a store, or with an ending a file next to it, such as a claim. */
export function writeLock(dir: string, content: LockRecord | string | Uint8Array, ending = ''): void {
  mkdirSync(join(dir, 'logs'), { recursive: true })
  const isBytes = typeof content === 'string' || content instanceof Uint8Array
  writeFileSync(lockPath(dir) + ending, isBytes ? content : `${JSON.stringify(content)}\n`)
}

export function readLock(dir: string): LockRecord {
  return JSON.parse(readFileSync(lockPath(dir), 'utf8')) as LockRecord
}

/** A clock on which every timer fires in the next turn of the event loop. */
export class HurriedClock extends ManualClock {
  override setTimer(callback: () => void, delayMs: number) {
    const timer = super.setTimer(callback, delayMs)
    setImmediate(() => this.advance(delayMs))
    return timer
  }
}
