import { join } from 'node:path'
import Datastore from '@seald-io/nedb'
import { endOf } from './prefix.mjs'

/** @type {import('./peer.mjs').Peer} */
export default {
  id: 'nedb',
  label: 'nedb',
  package: '@seald-io/nedb',
  settings: 'the defaults; one document per key, with the key as `_id`',
  isAsync: true,
  cannot: {
    fsync: 'appends without waiting for the disk',
    batch: 'updates one document at a time',
    smallCache: 'keeps everything in memory',
    fullTail: 'much slower even with the shorter tail',
    ownCompaction: 'compacts when it opens, when told to, or by a timer, but not by the size of its file',
  },

  async open(dir, { as }) {
    const db = new Datastore({ filename: join(dir, 'data.jsonl') })
    await db.loadDatabaseAsync()
    const isText = as === 'text'
    const set = (key, value) => db.updateAsync({ _id: key }, { _id: key, value }, { upsert: true })
    return {
      set,
      // Used only to load an empty store.
      setBatch: (pairs) => db.insertAsync(pairs.map(([key, value]) => ({ _id: key, value }))),
      get: async (key) => (await db.findOneAsync({ _id: key }))?.value,
      keysWith: async (prefix) => {
        const found = await db.findAsync({ _id: { $gte: prefix, $lt: endOf(prefix) } }, { _id: 1 })
        return found.map((document) => document._id)
      },
      *entries() {
        for (const { _id, value } of db.getAllData()) yield [_id, isText ? value : JSON.stringify(value)]
      },
      compact: () => db.compactDatafileAsync(),
      // There is nothing to close, and every call was awaited.
      close: () => {},
    }
  },
}
