import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { JsonlDB } from '@alcalzone/jsonl-db'

/** @type {import('./peer.mjs').Peer} */
export default {
  id: 'jsonl-db',
  label: 'jsonl-db',
  package: '@alcalzone/jsonl-db',
  settings: 'compresses its file when it has twice as many lines as keys (by default it never does)',
  returnsItsOwnObject: true,
  cannot: {
    ack: '`set` returns before anything is written, without a way to wait for it',
    fsync: 'does not wait for the disk',
    batch: 'has no batches',
    smallCache: 'keeps everything in memory',
    fullTail: 'much slower even with the shorter tail',
  },

  async open(dir) {
    mkdirSync(dir, { recursive: true })
    const db = new JsonlDB(join(dir, 'data.jsonl'), { autoCompress: { sizeFactor: 2, sizeFactorMinimumSize: 1000 } })
    await db.open()
    return {
      set: (key, value) => void db.set(key, value),
      async setBatch(pairs) {
        for (const [key, value] of pairs) db.set(key, value)
        // It writes in the next turn of the event loop.
        await new Promise((resolve) => setImmediate(resolve))
      },
      get: (key) => db.get(key),
      keysWith(prefix) {
        const found = []
        for (const key of db.keys()) if (key.startsWith(prefix)) found.push(key)
        return found
      },
      *entries() {
        for (const [key, value] of db.entries()) yield [key, typeof value === 'string' ? value : JSON.stringify(value)]
      },
      compact: () => db.compress(),
      close: () => db.close(),
    }
  },
}
