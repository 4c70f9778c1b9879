import type { Protocol } from './protocol.js'

/** When a value expires, according to the arguments of a call. */
export interface Expiry {
  /** Unix ms. */
  readonly atMs: number
  /** How much earlier the time inside the value may be and still count as the same time. */
  readonly slackMs: number
}

/**
 * How far the time in Keyv 5's wrapper may be from the time that it passes to the store.
 *
 * Keyv 5 computes the expiry for its wrapper, then serializes and compresses, then passes the relative time, so the
 * wrapper's time is slightly earlier. If the two differ by more than this, they are separate times and both are stored.
 */
const SERIALIZE_SLACK_MS = 10_000

/** The latest time that a Date can represent, in Unix ms. */
export const MAX_TIME_MS = 8.64e15

/** Converts the third argument of `set`: milliseconds from now in Keyv 5, Unix ms in Keyv 6. */
export function toExpiry(protocol: Protocol, time: unknown, nowMs: number): Expiry | undefined {
  if (typeof time !== 'number') return undefined
  if (protocol === 5 && time === 0) return undefined
  const atMs = Math.max(0, Math.ceil(protocol === 5 ? nowMs + time : time))
  // NaN or later than any clock can be: the value never expires.
  if (!(atMs <= MAX_TIME_MS)) return undefined
  return { atMs, slackMs: protocol === 5 ? SERIALIZE_SLACK_MS : 0 }
}

/** True if the time inside the value is the one given by the call, so that the record needs only one of them. */
export function isSameTime(insideMs: number | undefined, given: Expiry | undefined): boolean {
  if (insideMs === undefined || given === undefined) return insideMs === undefined && given === undefined
  return Number.isSafeInteger(insideMs) && insideMs <= given.atMs && given.atMs - insideMs <= given.slackMs
}
