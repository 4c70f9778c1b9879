import { type CallKind, quotaExceeded, systemError } from '../support/faulty-file-system.js'
import type { CallEffect, OnCall, SimulatedCall } from './file-system.js'

/** Rules by which calls of one process fail. */

export type FaultCode = 'EIO' | 'ENOSPC' | 'EDQUOT' | 'EMFILE' | 'EACCES' | 'short'

export interface Fault {
  readonly kind: CallKind | 'any'
  /** Matched against the path. */
  readonly on: RegExp
  /** The first call that fails; 1 is the next one that matches. */
  readonly nth: number
  readonly times: number
  readonly code: FaultCode
  /** The call does its work and nevertheless reports an error. */
  readonly happens: boolean
}

export function errorOf(code: Exclude<FaultCode, 'short'>): Error {
  return code === 'EDQUOT' ? quotaExceeded() : systemError(code)
}

const READING: ReadonlySet<CallKind> = new Set<CallKind>(['realPath', 'makeDirectory', 'list', 'status', 'read'])

/** True if the call can change the disk. */
export function isChange({ kind, creates }: SimulatedCall): boolean {
  return kind === 'open' ? creates === true : !READING.has(kind)
}

/** Decides which calls of a process fail, in which one it dies, and how long a sync takes. */
export class Fate {
  #faults: { fault: Fault; toSkip: number; left: number }[] = []
  #callsToLive = Number.POSITIVE_INFINITY
  #counts: (call: SimulatedCall) => boolean = () => true
  #bytesAtDeath: number | undefined
  calls = 0
  /** Descriptions of the calls that have failed so far. */
  readonly hit: string[] = []

  #isPaused = false

  constructor(private readonly syncTurns: () => number) {}

  /** Runs a check of the test itself, in which no call fails. */
  paused<T>(look: () => T): T {
    this.#isPaused = true
    try {
      return look()
    } finally {
      this.#isPaused = false
    }
  }

  readonly onCall: OnCall = (call) => {
    if (this.#isPaused) return undefined
    this.calls++
    if (this.#counts(call)) this.#callsToLive--
    if (this.#callsToLive < 0 && this.#counts(call)) return this.#death(call)
    const effect = this.#wrong(call)
    if (effect) return effect
    return call.kind === 'sync' || call.kind === 'syncDirectory' ? { turns: this.syncTurns() } : undefined
  }

  /**
   * Makes the process die after this many counted calls, in the next one. If that is a write, this share of its bytes is
   * written first.
   */
  dieAfter(calls: number, shareOfBytes?: number, counts: (call: SimulatedCall) => boolean = () => true): void {
    this.#callsToLive = calls
    this.#bytesAtDeath = shareOfBytes
    this.#counts = counts
  }

  /** Cancels `dieAfter`. */
  spare(): void {
    this.#callsToLive = Number.POSITIVE_INFINITY
  }

  add(fault: Fault): void {
    this.#faults.push({ fault, toSkip: fault.nth - 1, left: fault.times })
  }

  heal(): void {
    this.#faults = []
  }

  #death(call: SimulatedCall): CallEffect {
    if (call.kind !== 'write' || this.#bytesAtDeath === undefined) return { dies: true }
    return { dies: true, keepBytes: Math.floor(bytesOf(call) * this.#bytesAtDeath) }
  }

  #wrong(call: SimulatedCall): CallEffect | undefined {
    for (const rule of this.#faults) {
      const { kind, on, code, happens } = rule.fault
      if (rule.left === 0 || (kind !== 'any' && kind !== call.kind) || !on.test(call.path)) continue
      if (code === 'short' && (call.kind !== 'write' || bytesOf(call) === 0)) continue
      if (rule.toSkip > 0) {
        rule.toSkip--
        continue
      }
      rule.left--
      this.hit.push(`${code} at ${call.kind} ${call.path}`)
      return code === 'short' ? { keepBytes: Math.floor(bytesOf(call) / 2) } : { error: errorOf(code), happens }
    }
    return undefined
  }
}

function bytesOf(call: SimulatedCall): number {
  return call.write?.bytes.length ?? 0
}
