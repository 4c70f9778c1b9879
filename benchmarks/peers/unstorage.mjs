import { createStorage } from 'unstorage'

/** The handle for every unstorage driver. The cost of unstorage is included, as in an application. */
export function unstorageHandle(driver) {
  const storage = createStorage({ driver })
  return {
    set: (key, value) => storage.setItem(key, value),
    setBatch: (pairs) => storage.setItems(pairs.map(([key, value]) => ({ key, value }))),
    get: (key) => storage.getItem(key),
    keysWith: (prefix) => storage.getKeys(prefix),
    async *entries() {
      for (const key of await storage.getKeys()) yield [key, JSON.stringify(await storage.getItem(key))]
    },
    close: () => storage.dispose(),
  }
}
