import { join } from 'node:path'
import { JSONFilePreset } from 'lowdb/node'

/** @type {import('./peer.mjs').Peer} */
export default {
  id: 'lowdb',
  label: 'lowdb',
  package: 'lowdb',
  settings: 'the JSON file preset; each write rewrites the whole file',
  returnsItsOwnObject: true,
  cannot: {
    fsync: 'does not wait for the disk',
    million: 'rewrites its whole file for each change, which is 130 MB for a million keys',
    compaction: 'has nothing to compact: each write rewrites the whole file',
    ownCompaction: 'has nothing to compact: each write rewrites the whole file',
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
