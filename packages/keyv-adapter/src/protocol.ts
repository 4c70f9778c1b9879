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

/** What Keyv 6 calls a storage capability; the shape is its own. */
export interface Capabilities {
  compatible: boolean
  store: 'keyvStorage'
  methods: Record<MethodName, { exists: boolean; methodType: 'async' | 'sync' }>
  /** The store takes absolute expiry and enforces it: Keyv 6 then uses it without a bridge. */
  expires: boolean
}

const METHODS = [
  'get',
  'getMany',
  'has',
  'hasMany',
  'set',
  'setMany',
  'delete',
  'deleteMany',
  'clear',
  'disconnect',
  'iterator',
] as const

type MethodName = (typeof METHODS)[number]

export const CAPABILITIES: Omit<Capabilities, 'expires'> = {
  compatible: true,
  store: 'keyvStorage',
  // The iterator is an async generator function, which Keyv counts among the others.
  methods: Object.fromEntries(
    METHODS.map((name) => [name, { exists: true, methodType: name === 'iterator' ? 'sync' : 'async' }]),
  ) as Capabilities['methods'],
}
