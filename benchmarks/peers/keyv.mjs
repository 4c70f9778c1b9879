import Keyv from 'keyv'

/** The same calls for every store under Keyv: whatever it costs is part of what an application sees. */
export function keyvHandle(store, close) {
  const keyv = new Keyv({ store })
  keyv.on('error', (error) => {
    // Keyv reports a failed write here and answers `false`; a run in which one failed is no run.
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
