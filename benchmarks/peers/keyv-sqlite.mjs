import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import KeyvSqlite from '@keyv/sqlite'
import { keyvHandle } from './keyv.mjs'

/** @type {import('./peer.mjs').Peer} */
export default {
  id: 'keyv-sqlite',
  label: 'Keyv + @keyv/sqlite',
  package: '@keyv/sqlite',
  settings: 'WAL, `synchronous` NORMAL (FULL in rows with fsync), set with its `query`',
  isAsync: true,

  async open(dir, { durability }) {
    mkdirSync(dir, { recursive: true })
    // It lists in pages, each with a new query, so a single page is the fastest.
    const store = new KeyvSqlite({ uri: `sqlite://${join(dir, 'data.sqlite')}`, iterationLimit: 1_000_000 })
    await store.query('PRAGMA journal_mode = WAL')
    await store.query(`PRAGMA synchronous = ${durability === 'fsync' ? 'FULL' : 'NORMAL'}`)
    return keyvHandle(store)
  },
}
