import { FlatlogError } from '@flatlog/core'

export interface ImportOptions {
  /** Write what `to` has already, too: for a second run after `from` has changed. @default false */
  overwrite?: boolean
  /** Called after every few hundred entries. */
  onProgress?: (progress: ImportProgress) => void
}

export interface ImportProgress {
  /** `compare` looks whether all has arrived. */
  phase: 'copy' | 'compare'
  /** Entries of `from` so far in this phase. */
  done: number
}

export interface ImportResult {
  /** Entries of `from` that have not expired. */
  found: number
  /** Of these, written by this run. */
  copied: number
  /** Of these, left as `to` had them already. */
  kept: number
  /** Entries of `from` that had expired, which are not copied. */
  expired: number
}

/** From where to where, and how. `Entry`: what is known of one that was listed. */
export interface Route<Entry> {
  list(): AsyncIterable<Entry>
  /** What has not expired of these, in any order. */
  load(entries: readonly Entry[]): Promise<readonly LoadedEntry[]>
  /** Why entries are listed, and none of them can be loaded. */
  nothingLoaded?(): FlatlogError
}

export interface LoadedEntry {
  isThere(): Promise<boolean> | boolean
  write(): Promise<unknown>
}

const BATCH_ENTRIES = 256

export async function copy<Entry>(
  route: Route<Entry>,
  { overwrite = false, onProgress }: ImportOptions,
  failures: { check(): void },
): Promise<ImportResult> {
  const result = { found: 0, copied: 0, kept: 0, expired: 0 }
  await inBatches(route.list(), async (batch) => {
    const loaded = await route.load(batch)
    const isThere = overwrite ? [] : await Promise.all(loaded.map((entry) => entry.isThere()))
    const missing = loaded.filter((_, position) => !isThere[position])
    const written = await Promise.all(missing.map((entry) => entry.write()))
    failures.check()
    if (written.includes(false)) throw notThere(written.filter((each) => each === false).length, 'could not be written')
    result.found += loaded.length
    result.copied += missing.length
    result.kept += loaded.length - missing.length
    result.expired += batch.length - loaded.length
    onProgress?.({ phase: 'copy', done: result.found + result.expired })
  })
  if (result.found === 0 && result.expired > 0 && route.nothingLoaded) throw route.nothingLoaded()
  let compared = 0
  await inBatches(route.list(), async (batch) => {
    const missing = await stillMissing(route, batch)
    failures.check()
    if (missing > 0) throw notThere(missing, 'are not in the store that was copied to')
    compared += batch.length
    onProgress?.({ phase: 'compare', done: compared })
  })
  return result
}

async function inBatches<Entry>(entries: AsyncIterable<Entry>, act: (batch: Entry[]) => Promise<void>): Promise<void> {
  let batch: Entry[] = []
  for await (const entry of entries) {
    if (batch.push(entry) < BATCH_ENTRIES) continue
    await act(batch)
    batch = []
  }
  // An empty batch at the end, too, so that a source with nothing in it is looked at like any other.
  await act(batch)
}

/** An entry may expire on both sides between the two looks, so what seems to be missing is looked at once more. */
async function stillMissing<Entry>(route: Route<Entry>, batch: readonly Entry[]): Promise<number> {
  const look = async () => {
    const loaded = await route.load(batch)
    const isThere = await Promise.all(loaded.map((entry) => entry.isThere()))
    return isThere.filter((each) => !each).length
  }
  return (await look()) === 0 ? 0 : await look()
}

function notThere(count: number, what: string): FlatlogError {
  return new FlatlogError(
    'FLATLOG_MISMATCH',
    `${count} of the entries ${what}. What to do: see that nothing else writes to either store, and call importKeyv ` +
      'again; it goes on with what is missing.',
  )
}
