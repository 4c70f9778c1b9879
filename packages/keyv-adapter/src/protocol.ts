import { FlatlogError } from '@flatlog/core'

/** The major version of the Keyv that talks to a store. */
export type Protocol = 5 | 6

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
const MAX_TIME_MS = 8.64e15

/**
 * Which Keyv is asking? Both majors take the same class, but pass different keys and times. Keyv 5 reads `opts` of its
 * store and never `capabilities`; Keyv 6 does the opposite. So each getter notes who reads it.
 *
 * `opts` is also something a person may look at, so reading it decides only while nothing else has; its `dialect`,
 * which only Keyv 5 asks for, always does.
 */
export class ProtocolLatch {
  readonly opts: Record<string, unknown>
  readonly fixed: Protocol | undefined
  #seen: Protocol | undefined

  constructor(fixed: Protocol | undefined, info: Record<string, unknown>) {
    if (fixed !== undefined && fixed !== 5 && fixed !== 6) {
      throw new FlatlogError('FLATLOG_INVALID_OPTION', `protocol is ${String(fixed)}; it is 5 or 6, or left out.`)
    }
    this.fixed = fixed
    this.opts = Object.defineProperty(info, 'dialect', {
      // Keyv 5 offers its iterator only for a list of names that it knows; this one also keeps its data in a file.
      get: () => {
        this.#seen = 5
        return 'sqlite'
      },
      // Looking at the options as a whole (a log line, a spread) is not Keyv 5 asking.
      enumerable: false,
    })
  }

  get current(): Protocol {
    return this.fixed ?? this.#seen ?? 6
  }

  readByKeyv5(): Record<string, unknown> {
    this.#seen ??= 5
    return this.opts
  }

  readByKeyv6(): void {
    this.#seen = 6
  }
}

/** What the third argument of `set` means: milliseconds from now in Keyv 5, Unix ms in Keyv 6. */
export function givenExpiry(protocol: Protocol, time: unknown, nowMs: number): Expiry | undefined {
  if (typeof time !== 'number') return undefined
  if (protocol === 5 && time === 0) return undefined
  const atMs = Math.max(0, Math.ceil(protocol === 5 ? nowMs + time : time))
  // Not a moment that a clock reaches, NaN among them: it never expires.
  if (!(atMs <= MAX_TIME_MS)) return undefined
  return { atMs, slackMs: protocol === 5 ? SERIALIZE_SLACK_MS : 0 }
}
