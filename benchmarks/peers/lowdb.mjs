import { join } from 'node:path'
import { JSONFilePreset } from 'lowdb/node'

/** @type {import('./peer.mjs').Peer} */
export default {
  id: 'lowdb',
  label: 'lowdb',
  package: 'lowdb',
  settings: 'the JSON file preset; each write is the whole file',
  handsOutItsOwn: true,
  cannot: {
    fsync: 'does not wait for the disk',
    million: 'writes its whole file for each change, and at a million keys that is 130 MB',
    compaction: 'has nothing to compact: each write is the whole file',
    ownCompaction: 'has nothing to compact: each write is the whole file',
  },

  async open(dir) {
    const db = await JSONFilePreset(join(dir, 'data.json'), {})
    return {
      set(key, value) {
        db.data[key] = value
        return db.write()
      },
      setBatch(pairs) {
        for (const [key, value] of pairs) db.data[key] = value
        return db.write()
      },
      get: (key) => db.data[key],
      keysWith: (prefix) => Object.keys(db.data).filter((key) => key.startsWith(prefix)),
      *entries() {
        for (const [key, value] of Object.entries(db.data)) {
          yield [key, typeof value === 'string' ? value : JSON.stringify(value)]
        }
      },
      close: () => {},
    }
  },
}
