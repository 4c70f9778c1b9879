import { FlatlogError } from '@flatlog/core'

/** The major version of the Keyv that talks to a store. */
export type Protocol = 5 | 6

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
