import Keyv from 'keyv'

/** The handle for every Keyv store. The cost of Keyv is included, as in an application. */
export function keyvHandle(store, close) {
  const keyv = new Keyv({ store })
  keyv.on('error', (error) => {
    // Keyv reports a failed write only here, and resolves to false. A run with a failed write is invalid.
    throw error
  })
  return {
    set: (key, value) => keyv.set(key, value),
    setBatch: (pairs) => keyv.setMany(pairs.map(([key, value]) => ({ key, value }))),
    get: (key) => keyv.get(key),
    async *entries() {
      for await (const [key, value] of keyv.iterator()) yield [key, JSON.stringify(value)]
    },
    close: close ?? (() => keyv.disconnect()),
  }
}
