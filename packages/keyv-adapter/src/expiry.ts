import type { Protocol } from './protocol.js'

/** When a value expires, as far as the arguments of a call say. */
export interface Expiry {
  /** Unix ms. */
  readonly atMs: number
  /** How much earlier than `atMs` the same moment may stand in the value itself. */
  readonly slackMs: number
}

/**
 * Keyv 5 works out the expiry for its wrapper first, then serializes (and compresses), then passes the relative time
 * to the store. So the wrapper's moment lies a little before the store's. Beyond this the two are taken for different
 * moments, and both are kept.
 */
const SERIALIZE_SLACK_MS = 10_000

/** The furthest time that a Date can be. */
export const MAX_TIME_MS = 8.64e15

/** What the third argument of `set` means: milliseconds from now in Keyv 5, Unix ms in Keyv 6. */
export function givenExpiry(protocol: Protocol, time: unknown, nowMs: number): Expiry | undefined {
  if (typeof time !== 'number') return undefined
  if (protocol === 5 && time === 0) return undefined
  const atMs = Math.max(0, Math.ceil(protocol === 5 ? nowMs + time : time))
  // Not a moment that a clock reaches, NaN among them: it never expires.
  if (!(atMs <= MAX_TIME_MS)) return undefined
  return { atMs, slackMs: protocol === 5 ? SERIALIZE_SLACK_MS : 0 }
}

/** Whether the moment inside the value is the one that the call gave, so that the record's expiry says it all. */
export function sameMoment(insideMs: number | undefined, given: Expiry | undefined): boolean {
  if (insideMs === undefined || given === undefined) return insideMs === undefined && given === undefined
  return Number.isSafeInteger(insideMs) && insideMs <= given.atMs && given.atMs - insideMs <= given.slackMs
}
