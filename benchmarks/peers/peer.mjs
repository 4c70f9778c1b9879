/**
 * A peer is a store that takes part in the benchmarks, used as its documentation recommends, behind the few calls that
 * the works need. If the store does something synchronously, the call returns the result and not a promise.
 *
 * @typedef {object} OpenOptions
 * @property {'os' | 'fsync'} [durability] what a finished write must survive: a crash of the process, or a power cut
 * @property {number} [cacheBytes] for peers that have a cache
 * @property {'value' | 'text'} as whether values are passed and returned as objects or as texts
 *
 * @typedef {object} Handle
 * @property {(key: string, value: unknown) => void | Promise<unknown>} set
 * @property {(pairs: [string, unknown][]) => void | Promise<unknown>} setBatch atomic, if the peer supports it
 * @property {(key: string) => unknown} [get]
 * @property {(prefix: string) => string[] | Promise<string[]>} [keysWith]
 * @property {() => Iterable<[string, string]> | AsyncIterable<[string, string]>} entries all keys with the JSON of their values
 * @property {() => unknown} [compact]
 * @property {() => unknown} close
 *
 * @typedef {object} Peer
 * @property {string} id
 * @property {string} label
 * @property {string} [package] the package whose version is printed
 * @property {string} settings printed with the results
 * @property {Partial<Record<Need, string>>} [cannot] why the peer is left out of rows that need this
 * @property {boolean} [isLimit] not a store, but the limit of what the system can do
 * @property {boolean} [isAsync] `get` and `keysWith` return promises
 * @property {boolean} [returnsItsOwnObject] `get` returns the object that the store keeps, which the caller could change
 * @property {boolean} [hasRecordPerSet] a tail of n records is written with n sets
 * @property {boolean} [opensWithoutWriting] runs that only read may share one directory
 * @property {(dir: string) => string[]} [logFiles] the files with the current data; by default all files
 * @property {(dir: string, options: OpenOptions) => Promise<Handle>} open
 *
 * @typedef {'ack' | 'fsync' | 'batch' | 'read' | 'text' | 'million' | 'fullTail' | 'smallCache' | 'compaction' | 'ownCompaction'
 *   | 'manyInFlight' | 'list'} Need
 */

const CORE = ['flatlog', 'node-sqlite', 'better-sqlite3', 'lmdb', 'classic-level', 'nedb', 'jsonl-db', 'lowdb', 'raw']

/** The peers of each family. The first of each is compared to the others. */
export const FAMILIES = {
  core: CORE,
  keyv: ['keyv-flatlog', 'keyv-file', 'keyv-sqlite'],
  unstorage: ['unstorage-flatlog', 'unstorage-fs'],
}

export async function loadPeer(id) {
  return (await import(`./${id}.mjs`)).default
}
