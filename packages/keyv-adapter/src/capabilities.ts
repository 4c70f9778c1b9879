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
