/**
 * What a peer is: one store, used as its own documentation advises, behind the few calls that the works need. A call
 * that the store makes synchronously gives its result and no promise.
 *
 * @typedef {object} OpenOptions
 * @property {'os' | 'fsync'} [durability] what a finished write must survive: a crash of the process, or a power cut
 * @property {number} [cacheBytes] for peers with a cache of their own
 * @property {'value' | 'text'} as whether values are handed over and out as objects or as texts
 *
 * @typedef {object} Handle
 * @property {(key: string, value: unknown) => void | Promise<unknown>} set
 * @property {(pairs: [string, unknown][]) => void | Promise<unknown>} setBatch all or nothing, where the peer can
 * @property {(key: string) => unknown} [get]
 * @property {(prefix: string) => string[] | Promise<string[]>} [keysWith]
 * @property {() => Iterable<[string, string]> | AsyncIterable<[string, string]>} entries every key with its value's JSON
 * @property {() => unknown} [compact]
 * @property {() => unknown} close
 *
 * @typedef {object} Peer
 * @property {string} id
 * @property {string} label
 * @property {string} [package] whose version is printed
 * @property {string} settings printed with the results
 * @property {Partial<Record<Need, string>>} [cannot] why it is left out of rows that need this
 * @property {boolean} [isLimit] no store, but what the system can do
 * @property {boolean} [isAsync] `get` and `keysWith` give promises
 * @property {boolean} [handsOutItsOwn] `get` gives the object that the store keeps, so a caller can change it by accident
 * @property {boolean} [eachSetIsARecord]
 * @property {boolean} [opensWithoutWriting] runs that only read may share one directory
 * @property {(dir: string) => string[]} [logFiles] the files that hold the data now; all files where it is left out
 * @property {(dir: string, options: OpenOptions) => Promise<Handle>} open
 *
 * @typedef {'ack' | 'fsync' | 'batch' | 'read' | 'text' | 'million' | 'fullTail' | 'smallCache' | 'compaction' | 'ownCompaction'
 *   | 'manyInFlight' | 'list'} Need
 */

const CORE = ['flatlog', 'node-sqlite', 'better-sqlite3', 'lmdb', 'classic-level', 'nedb', 'jsonl-db', 'lowdb', 'raw']

/** The peers of each kind of interface; in each, the first is what the others are compared with. */
export const FAMILIES = {
  core: CORE,
  keyv: ['keyv-flatlog', 'keyv-file', 'keyv-sqlite'],
  unstorage: ['unstorage-flatlog', 'unstorage-fs'],
}

export async function loadPeer(id) {
  return (await import(`./${id}.mjs`)).default
}
