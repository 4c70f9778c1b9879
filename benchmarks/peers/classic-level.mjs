import { ClassicLevel } from 'classic-level'
import { endOf } from './prefix.mjs'

/** @type {import('./peer.mjs').Peer} */
export default {
  id: 'classic-level',
  label: 'classic-level',
  package: 'classic-level',
  settings: 'the defaults with `getSync`; a cache as large as Flatlog’s; `sync: true` in rows with fsync',

  async open(dir, { durability, cacheBytes = 64 * 2 ** 20, as }) {
    const isText = as === 'text'
    const db = new ClassicLevel(dir, { valueEncoding: isText ? 'utf8' : 'json', cacheSize: cacheBytes })
    await db.open()
    const options = { sync: durability === 'fsync' }
    return {
      set: (key, value) => db.put(key, value, options),
      setBatch: (pairs) =>
        db.batch(
          pairs.map(([key, value]) => ({ type: 'put', key, value })),
          options,
        ),
      get: (key) => db.getSync(key),
      keysWith: (prefix) => db.keys({ gte: prefix, lt: endOf(prefix) }).all(),
      async *entries() {
        for await (const [key, value] of db.iterator()) yield [key, isText ? value : JSON.stringify(value)]
      },
      compact: () => db.compactRange('', '\uffff'),
      close: () => db.close(),
    }
  },
}
