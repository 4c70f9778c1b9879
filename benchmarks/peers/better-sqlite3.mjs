import { join } from 'node:path'
import Database from 'better-sqlite3'
import { endOf } from './prefix.mjs'
import { ENTRIES, GET, KEYS, pragmas, SCHEMA, SET, SQLITE_SETTINGS, textOf } from './sqlite.mjs'

/** @type {import('./peer.mjs').Peer} */
export default {
  id: 'better-sqlite3',
  label: 'better-sqlite3',
  package: 'better-sqlite3',
  settings: SQLITE_SETTINGS,
  cannot: {
    compaction: 'writes pages in place, so it has nothing to compact during use',
    fullTail: 'has no tail to read when it opens',
  },

  async open(dir, options) {
    const db = new Database(join(dir, 'data.sqlite'))
    for (const pragma of pragmas(options)) db.pragma(pragma)
    db.exec(SCHEMA)
    const set = db.prepare(SET)
    const get = db.prepare(GET).pluck()
    const keys = db.prepare(KEYS).pluck()
    const isText = options.as === 'text'
    const toText = textOf(isText)
    const setAll = db.transaction((pairs) => {
      for (const [key, value] of pairs) set.run(key, toText(value))
    })
    return {
      set: (key, value) => void set.run(key, toText(value)),
      setBatch: (pairs) => setAll(pairs),
      get: isText ? (key) => get.get(key) : (key) => parsed(get.get(key)),
      keysWith: (prefix) => keys.all(prefix, endOf(prefix)),
      entries: () => db.prepare(ENTRIES).raw().iterate(),
      compact: () => db.exec('VACUUM'),
      close: () => db.close(),
    }
  },
}

function parsed(text) {
  return text && JSON.parse(text)
}
