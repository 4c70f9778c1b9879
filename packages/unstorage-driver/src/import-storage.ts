import type { Storage } from 'unstorage'
import { copyBytes } from './bytes.js'
import { DRIVER_NAME, driverError, MISMATCH_CODE } from './errors.js'

export interface ImportProgress {
  /** `compare` looks whether all has arrived. */
  phase: 'copy' | 'compare'
  /** Items that are done with in this phase. */
  done: number
  /** Items that the source listed; in the second phase, those of them that were copied and do not expire. */
  total: number
}

export interface ImportOptions {
  /** Only what is below it, such as `users`. The keys stay as they are. @default all */
  base?: string
  /** Write what `to` has already, too: for a second run after `from` has changed. @default false */
  overwrite?: boolean
  /** Called after each item that is copied, and after the comparison. */
  onProgress?: (progress: ImportProgress) => void
}

export interface ImportResult {
  /** Items of `from`. */
  found: number
  /** Of these, written by this run. */
  copied: number
  /** Of these, left as `to` had them already, by an earlier run or by others. */
  kept: number
  /** Items of `from` that were listed, and had expired or been removed by the time that they were to be read. */
  gone: number
}

/** So many items at a time share one wait for the disk. */
const IN_FLIGHT = 32
const NAMED_KEYS = 5

/**
 * Copies all items of any storage into another, with their remaining ttl and with what `setMeta` was given, and compares the
 * keys at the end. What `to` has already is kept: an import that was broken off goes on when it is called again.
 */
export async function importStorage(from: Storage, to: Storage, options: ImportOptions = {}): Promise<ImportResult> {
  const { base = '', overwrite = false, onProgress } = options
  const keys = [...new Set(await from.getKeys(base))]
  const there = new Set(overwrite ? [] : await to.getKeys(base))
  const counts = { copied: 0, kept: 0, gone: 0 }
  // Items without an end that have to be there when all is done.
  const lasting = new Set<string>()
  let done = 0
  await inParallel(keys, IN_FLIGHT, async (key) => {
    const outcome = there.has(key) ? 'kept' : await copyItem({ from, to, key, overwrite, lasting })
    counts[outcome]++
    onProgress?.({ phase: 'copy', done: ++done, total: keys.length })
  })
  compare(lasting, new Set(await to.getKeys(base)))
  onProgress?.({ phase: 'compare', done: lasting.size, total: lasting.size })
  return { found: counts.copied + counts.kept, ...counts }
}

interface Copying {
  from: Storage
  to: Storage
  key: string
  overwrite: boolean
  lasting: Set<string>
}

async function copyItem({ from, to, key, overwrite, lasting }: Copying): Promise<'copied' | 'kept' | 'gone'> {
  try {
    const [value, meta, notes] = await Promise.all([
      from.getItemRaw(key),
      from.getMeta(key, { nativeOnly: true }),
      // unstorage keeps what `setMeta` is given in an item of its own, which it does not list.
      from.getItemRaw(`${key}$`),
    ])
    if (value === null || value === undefined) return 'gone'
    const ttl = typeof meta.ttl === 'number' && meta.ttl > 0 ? { ttl: meta.ttl } : {}
    // The notes come first, so that an item that is there has them.
    if (notes !== null && notes !== undefined) await put(to, `${key}$`, await contentOf(from, `${key}$`, notes), ttl)
    await put(to, key, await contentOf(from, key, value), overwrite ? ttl : { ...ttl, ifNoneMatch: '*' })
    if (ttl.ttl === undefined) lasting.add(key)
    return 'copied'
  } catch (error) {
    // Somebody has written it since: that is newer than what would be copied.
    if ((error as { code?: unknown }).code === MISMATCH_CODE) return 'kept'
    const reason = error instanceof Error ? error.message : String(error)
    throw driverError(
      `The import stopped at key ${JSON.stringify(key)}: ${reason} What to do: remove the cause and call importStorage ` +
        'again; it goes on with what is missing.',
      error,
    )
  }
}

async function put(to: Storage, key: string, content: unknown, options: object): Promise<void> {
  const isRaw = typeof content === 'string' || content instanceof Uint8Array
  // Anything else is a live value of a source in memory.
  await (isRaw ? to.setItemRaw(key, content, options) : to.setItem(key, content as object, options))
}

/**
 * Drivers for files and the like give out everything as bytes. What is text among it becomes text, so that JSON can be
 * read in the log.
 */
async function contentOf(from: Storage, key: string, value: unknown): Promise<unknown> {
  const bytes = copyBytes(value)
  if (bytes === undefined) return value
  const text = textOf(bytes)
  return text === undefined || (await tellsTextFromBytes(from, key)) ? bytes : text
}

/** Drivers that give back text as text: what they give as bytes was set as bytes. */
const TELL_TEXT_FROM_BYTES = [DRIVER_NAME, 'memory', 'lru-cache']

async function tellsTextFromBytes(from: Storage, key: string): Promise<boolean> {
  const { driver, base } = from.getMount(key)
  const doesTell = driver.getItemRaw === undefined || TELL_TEXT_FROM_BYTES.includes(driver.name ?? '')
  // A storage with a prefix names a mount that the item does not come from.
  return doesTell && (await driver.hasItem(key.slice(base.length), {}))
}

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

function textOf(bytes: Uint8Array): string | undefined {
  try {
    return utf8.decode(bytes)
  } catch {
    return undefined
  }
}

function compare(expected: ReadonlySet<string>, there: ReadonlySet<string>): void {
  const missing = [...expected].filter((key) => !there.has(key))
  if (missing.length === 0) return
  const named = missing.slice(0, NAMED_KEYS).map((key) => JSON.stringify(key))
  const error = driverError(
    `${missing.length} of the ${expected.size} items that were copied are not in the storage that was copied to: ` +
      `${named.join(', ')}${missing.length > NAMED_KEYS ? ', …' : ''}. What to do: see that nothing else removes items there, ` +
      'and call importStorage again.',
  )
  error.code = 'FLATLOG_MISMATCH'
  throw error
}

/** Runs the task for every item, some at a time. After a failure nothing new begins, and it waits for what is under way. */
async function inParallel<Item>(
  items: readonly Item[],
  atATime: number,
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
  await Promise.all(Array.from({ length: Math.min(atATime, items.length) }, worker))
  if (failure !== undefined) throw failure.error
}
