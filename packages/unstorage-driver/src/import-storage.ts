import type { Storage } from 'unstorage'
import { copyBytes } from './bytes.js'
import { DRIVER_NAME, driverError, MISMATCH_CODE } from './errors.js'

export interface ImportProgress {
  /** `copy` writes the items, `compare` then checks that all of them are in `to`. */
  phase: 'copy' | 'compare'
  /** Items processed so far in this phase. */
  done: number
  /** All items of this phase. In `copy`: the items that `from` listed. In `compare`: copied items that never expire. */
  total: number
}

export interface ImportOptions {
  /** Import only the keys below this base, such as `users`. The keys stay the same. @default all keys */
  base?: string
  /** Also write items that `to` already has: for a second run after `from` has changed. @default false */
  overwrite?: boolean
  /** Called after each copied item, and after the comparison. */
  onProgress?: (progress: ImportProgress) => void
}

export interface ImportResult {
  /** Items of `from`. */
  found: number
  /** Of these, items written by this run. */
  copied: number
  /** Of these, items left unchanged because `to` already had them. */
  kept: number
  /** Items that `from` listed but no longer had when they were read, because they had expired or been removed. */
  gone: number
}

/** How many items are copied concurrently. They share a sync to disk. */
const CONCURRENCY = 32
/** How many missing keys an error message names. */
const MAX_KEYS_NAMED = 5

/**
 * Copies the items of any storage to another, with their remaining ttl and the metadata from `setMeta`.
 *
 * Items that `to` already has are kept, so an interrupted import continues when it is called again. It ends by checking
 * that all copied items are in `to`, and rejects if one is missing.
 */
export async function importStorage(from: Storage, to: Storage, options: ImportOptions = {}): Promise<ImportResult> {
  const { base = '', overwrite = false, onProgress } = options
  const keys = [...new Set(await from.getKeys(base))]
  const existing = new Set(overwrite ? [] : await to.getKeys(base))
  const counts = { copied: 0, kept: 0, gone: 0 }
  // The copied items that never expire and so must be in `to` at the end.
  const lasting = new Set<string>()
  let done = 0
  await inParallel(keys, CONCURRENCY, async (key) => {
    const outcome = existing.has(key) ? 'kept' : await copyItem({ from, to, key, overwrite, lasting })
    counts[outcome]++
    onProgress?.({ phase: 'copy', done: ++done, total: keys.length })
  })
  requireAll(lasting, new Set(await to.getKeys(base)))
  onProgress?.({ phase: 'compare', done: lasting.size, total: lasting.size })
  return { found: counts.copied + counts.kept, ...counts }
}

interface CopyJob {
  from: Storage
  to: Storage
  key: string
  overwrite: boolean
  lasting: Set<string>
}

async function copyItem({ from, to, key, overwrite, lasting }: CopyJob): Promise<'copied' | 'kept' | 'gone'> {
  // unstorage stores the metadata from `setMeta` in a separate item with this key, which it does not list.
  const metaKey = `${key}$`
  try {
    const [value, nativeMeta, customMeta] = await Promise.all([
      from.getItemRaw(key),
      from.getMeta(key, { nativeOnly: true }),
      from.getItemRaw(metaKey),
    ])
    if (value === null || value === undefined) return 'gone'
    const ttl = typeof nativeMeta.ttl === 'number' && nativeMeta.ttl > 0 ? { ttl: nativeMeta.ttl } : {}
    const writeOptions = overwrite ? ttl : { ...ttl, ifNoneMatch: '*' }
    let metaEtag: string | undefined
    // The metadata first, so that an item that exists in `to` also has its metadata.
    if (customMeta !== null && customMeta !== undefined) {
      const content = await contentOf(from, metaKey, customMeta)
      // An item written to `to` meanwhile must not get older metadata, even if it has none.
      if (!overwrite && (await to.hasItem(key))) return 'kept'
      metaEtag = await putMeta(to, metaKey, content, writeOptions)
    }
    if (!(await isAccepted(put(to, key, await contentOf(from, key, value), writeOptions)))) {
      // The item was written to `to` during the import, so it is newer than the one in `from`. Take the older metadata
      // back, unless it was replaced meanwhile.
      if (metaEtag !== undefined) await isAccepted(to.removeItem(metaKey, { ifMatch: metaEtag }))
      return 'kept'
    }
    if (ttl.ttl === undefined) lasting.add(key)
    return 'copied'
  } catch (error) {
    const reason = (error instanceof Error ? error.message : String(error)).replace(/\.?$/, '.')
    throw driverError(
      `The import stopped at key ${JSON.stringify(key)}: ${reason} Fix the cause and call importStorage again: it continues ` +
        'with what is missing.',
      error,
    )
  }
}

/** Writes metadata. Returns its etag, or undefined if `to` already has newer metadata or has no etags. */
async function putMeta(to: Storage, metaKey: string, content: unknown, options: object): Promise<string | undefined> {
  const written = isAccepted(put(to, metaKey, content, options))
  // Called before the write is awaited, because the app may then already have written newer metadata.
  const read = Promise.resolve(to.getMeta(metaKey, { nativeOnly: true })).catch(() => undefined)
  return (await written) ? ((await read)?.etag as string | undefined) : undefined
}

/** Awaits a write. Returns false if its condition does not hold. */
async function isAccepted(write: Promise<void>): Promise<boolean> {
  try {
    await write
    return true
  } catch (error) {
    if ((error as { code?: unknown }).code === MISMATCH_CODE) return false
    throw error
  }
}

async function put(to: Storage, key: string, content: unknown, options: object): Promise<void> {
  const isRaw = typeof content === 'string' || content instanceof Uint8Array
  // Anything else is an object from a source that keeps its values in memory.
  await (isRaw ? to.setItemRaw(key, content, options) : to.setItem(key, content as object, options))
}

/**
 * Converts bytes that are valid UTF-8 to text, unless the source distinguishes text from bytes.
 *
 * Drivers for files and similar storage return everything as bytes. Converted to text, JSON is readable in the log.
 */
async function contentOf(from: Storage, key: string, value: unknown): Promise<unknown> {
  const bytes = copyBytes(value)
  if (bytes === undefined) return value
  const text = textOf(bytes)
  return text === undefined || (await distinguishesText(from, key)) ? bytes : text
}

/** Drivers that return text as text. If they return bytes, the item was set as bytes. */
const DRIVERS_WITH_TEXT = [DRIVER_NAME, 'memory', 'lru-cache']

async function distinguishesText(from: Storage, key: string): Promise<boolean> {
  const { driver, base } = from.getMount(key)
  const isKnown = driver.getItemRaw === undefined || DRIVERS_WITH_TEXT.includes(driver.name ?? '')
  // A storage made with prefixStorage returns a mount that the item may not come from.
  return isKnown && (await driver.hasItem(key.slice(base.length), {}))
}

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

function textOf(bytes: Uint8Array): string | undefined {
  try {
    return utf8.decode(bytes)
  } catch {
    return undefined
  }
}

function requireAll(expected: ReadonlySet<string>, existing: ReadonlySet<string>): void {
  const missing = [...expected].filter((key) => !existing.has(key))
  if (missing.length === 0) return
  const named = missing.slice(0, MAX_KEYS_NAMED).map((key) => JSON.stringify(key))
  const error = driverError(
    `${missing.length} of the ${expected.size} copied items are missing in the target: ${named.join(', ')}` +
      `${missing.length > MAX_KEYS_NAMED ? ', …' : ''}. Make sure that nothing else removes items there, then call importStorage ` +
      'again.',
  )
  error.code = 'FLATLOG_MISMATCH'
  throw error
}

/** Runs the task for every item, several at a time. After a failure it starts no more, and waits for the running ones. */
async function inParallel<Item>(
  items: readonly Item[],
  concurrency: number,
  task: (item: Item) => Promise<void>,
): Promise<void> {
  let next = 0
  let failure: { error: unknown } | undefined
  const worker = async () => {
    while (next < items.length && failure === undefined) {
      const item = items[next++] as Item
      try {
        await task(item)
      } catch (error) {
        failure ??= { error }
      }
    }
  }
  await Promise.all(Array.from({ length: Math.min(concurrency, items.length) }, worker))
  if (failure !== undefined) throw failure.error
}
