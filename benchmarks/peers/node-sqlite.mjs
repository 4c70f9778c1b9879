import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { endOf } from './prefix.mjs'
import { ENTRIES, GET, KEYS, pragmas, SCHEMA, SET, SQLITE_SETTINGS, textOf } from './sqlite.mjs'

/** @type {import('./peer.mjs').Peer} */
export default {
  id: 'node-sqlite',
  label: 'node:sqlite',
  settings: SQLITE_SETTINGS,
  cannot: {
    compaction: 'writes pages in place, so it has nothing to compact during use',
    fullTail: 'has no tail to read when it opens',
  },

  async open(dir, options) {
    const db = new DatabaseSync(join(dir, 'data.sqlite'))
    for (const pragma of pragmas(options)) db.exec(`PRAGMA ${pragma}`)
    db.exec(SCHEMA)
    const set = db.prepare(SET)
    const get = db.prepare(GET)
    const keys = db.prepare(KEYS)
    const isText = options.as === 'text'
    const toText = textOf(isText)
    return {
      set: (key, value) => void set.run(key, toText(value)),
      setBatch(pairs) {
        db.exec('BEGIN')
        for (const [key, value] of pairs) set.run(key, toText(value))
        db.exec('COMMIT')
      },
      get: isText ? (key) => get.get(key)?.value : (key) => parsed(get.get(key)),
      keysWith: (prefix) => keys.all(prefix, endOf(prefix)).map(({ key }) => key),
      *entries() {
        for (const { key, value } of db.prepare(ENTRIES).iterate()) yield [key, value]
      },
      compact: () => db.exec('VACUUM'),
      close: () => db.close(),
    }
  },
}

function parsed(row) {
  return row && JSON.parse(row.value)
}
