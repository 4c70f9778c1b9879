import { open } from 'lmdb'
import { endOf } from './prefix.mjs'

/** @type {import('./peer.mjs').Peer} */
export default {
  id: 'lmdb',
  label: 'lmdb',
  package: 'lmdb',
  settings:
    'the defaults (values as MessagePack; texts as `string`); `put`, and `flushed` in rows with fsync. Without `noSync`, with which a power cut can destroy the whole file',
  cannot: {
    compaction: 'writes pages in place, so it has nothing to compact during use',
    fullTail: 'has no tail to read when it opens',
  },

  async open(dir, { durability, as }) {
    const isText = as === 'text'
    const db = open({ path: dir, ...(isText && { encoding: 'string' }) })
    const isSynced = durability === 'fsync'
    return {
      set(key, value) {
        const committed = db.put(key, value)
        return isSynced ? committed.then(() => db.flushed) : committed
      },
      async setBatch(pairs) {
        await db.batch(() => {
          for (const [key, value] of pairs) db.put(key, value)
        })
        if (isSynced) await db.flushed
      },
      get: (key) => db.get(key),
      keysWith: (prefix) => db.getKeys({ start: prefix, end: endOf(prefix) }).asArray,
      *entries() {
        for (const { key, value } of db.getRange()) yield [key, isText ? value : JSON.stringify(value)]
      },
      close: () => db.close(),
    }
  },
}
