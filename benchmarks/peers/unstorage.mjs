import { createStorage } from 'unstorage'

/** The same calls for every driver under unstorage: whatever it costs is part of what an application sees. */
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
