import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { LockRecord } from './core.js'
import { machine } from './machine.js'
import { ManualClock } from './manual-clock.js'

/** What a lock file on this machine and in this process would say, but for what the test puts in. */
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

/** Puts a lock file, or a claim behind it, where a store is to be opened. */
export function writeLock(dir: string, content: LockRecord | string | Uint8Array, ending = ''): void {
  mkdirSync(join(dir, 'logs'), { recursive: true })
  const isBytes = typeof content === 'string' || content instanceof Uint8Array
  writeFileSync(lockPath(dir) + ending, isBytes ? content : `${JSON.stringify(content)}\n`)
}

export function readLock(dir: string): LockRecord {
  return JSON.parse(readFileSync(lockPath(dir), 'utf8')) as LockRecord
}

/** A clock on which waiting takes no time: whatever is waited for falls due in the next turn. */
export class HurriedClock extends ManualClock {
  override setTimer(callback: () => void, delayMs: number) {
    const timer = super.setTimer(callback, delayMs)
    setImmediate(() => this.advance(delayMs))
    return timer
  }
}
