import { FlatlogError } from '@flatlog/core'

/** The major version of the Keyv that uses the store. */
export type Protocol = 5 | 6

/**
 * Finds out which major version of Keyv uses the store, by the properties that it reads.
 *
 * Both versions accept the same class but pass different keys and times. Keyv 5 reads `opts` and never `capabilities`;
 * Keyv 6 reads `capabilities` and never `opts`. A person may look at `opts` as well, so reading it decides only if
 * nothing has been decided yet. Its `dialect`, which only Keyv 5 asks for, always decides.
 */
export class ProtocolDetector {
  readonly #configured: Protocol | undefined
  readonly #opts: Record<string, unknown>
  #detected: Protocol | undefined

  constructor(configured: Protocol | undefined, opts: Record<string, unknown>) {
    if (configured !== undefined && configured !== 5 && configured !== 6) {
      throw new FlatlogError(
        'FLATLOG_INVALID_OPTION',
        `protocol must be 5 or 6, got ${String(configured)}. Leave it out to detect the version of Keyv.`,
      )
    }
    this.#configured = configured
    this.#opts = Object.defineProperty(opts, 'dialect', {
      // Keyv 5 offers its iterator only for the dialects that it knows. Like sqlite, this store keeps its data in a file.
      get: () => {
        this.#detected = 5
        return 'sqlite'
      },
      // Logging or spreading the options must not look like Keyv 5.
      enumerable: false,
    })
  }

  get current(): Protocol {
    return this.#configured ?? this.#detected ?? 6
  }

  optsForKeyv5(): Record<string, unknown> {
    this.#detected ??= 5
    return this.#opts
  }

  capabilitiesForKeyv6(): Capabilities {
    this.#detected = 6
    return { ...CAPABILITIES, expires: this.current === 6 }
  }
}

/** A storage capability as Keyv 6 defines it. */
export interface Capabilities {
  compatible: boolean
  store: 'keyvStorage'
  methods: Record<MethodName, { exists: boolean; methodType: 'async' | 'sync' }>
  /** The store accepts absolute expiry times and enforces them, so Keyv 6 uses it without a bridge. */
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

const CAPABILITIES: Omit<Capabilities, 'expires'> = {
  compatible: true,
  store: 'keyvStorage',
  // The iterator is an async generator function, which Keyv classifies as 'sync'.
  methods: Object.fromEntries(
    METHODS.map((name) => [name, { exists: true, methodType: name === 'iterator' ? 'sync' : 'async' }]),
  ) as Capabilities['methods'],
}
