import { join } from 'node:path'
import { openStore } from '../../packages/core/dist/index.js'

const NAME = 'bench'

/** @type {import('./peer.mjs').Peer} */
export default {
  id: 'flatlog',
  label: 'Flatlog',
  package: '@flatlog/core',
  settings: 'the defaults, except for the `durability` and `cacheBytes` of the row',
  // The tail of a row is a number of records, so its entries are written one by one.
  hasRecordPerSet: true,
  // The log without its backups. The backups are included in the column for all files.
  logFiles: (dir) => [join(dir, 'logs', `${NAME}.log`)],

  async open(dir, { durability, cacheBytes, as }) {
    const store = await openStore({
      dir,
      name: NAME,
      ...(durability && { durability: durability === 'fsync' ? 'always' : 'os' }),
      ...(cacheBytes && { cacheBytes }),
    })
    const isText = as === 'text'
    return {
      set: isText ? (key, text) => store.setText(key, text) : (key, value) => store.set(key, value),
      setBatch: (pairs) =>
        store.batch(
          pairs.map(([key, value]) => (isText ? { op: 'SET', key, text: value } : { op: 'SET', key, value })),
        ),
      get: isText ? (key) => store.getText(key) : (key) => store.get(key),
      keysWith: (prefix) => [...store.keys({ prefix })],
      *entries() {
        for (const key of store.keys()) yield [key, isText ? store.getText(key) : JSON.stringify(store.get(key))]
      },
      compact: () => store.compact(),
      close: () => store.close(),
    }
  },
}
