/** The table, the statements and the pragmas of both SQLite peers. */

export const SCHEMA = 'CREATE TABLE IF NOT EXISTS kv (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID'
export const SET = 'INSERT INTO kv (key, value) VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value'
export const GET = 'SELECT value FROM kv WHERE key = ?'
export const KEYS = 'SELECT key FROM kv WHERE key >= ? AND key < ? ORDER BY key'
export const ENTRIES = 'SELECT key, value FROM kv'
export const SQLITE_SETTINGS =
  'one table `WITHOUT ROWID`, WAL, `synchronous` NORMAL (FULL in rows with fsync), a page cache as large as Flatlog’s, prepared statements'

export function pragmas({ durability, cacheBytes = 64 * 2 ** 20 }) {
  return [
    'journal_mode = WAL',
    `synchronous = ${durability === 'fsync' ? 'FULL' : 'NORMAL'}`,
    // A negative number is in KiB.
    `cache_size = -${cacheBytes / 1024}`,
  ]
}

export function textOf(isText) {
  return isText ? (text) => text : (value) => JSON.stringify(value)
}
