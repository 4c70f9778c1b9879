import { FlatlogError } from '@flatlog/core'

export interface ImportOptions {
  /** Also write entries that `to` already has: for a second run after `from` has changed. @default false */
  overwrite?: boolean
  /** Called after every few hundred entries. */
  onProgress?: (progress: ImportProgress) => void
}

export interface ImportProgress {
  /** `copy` writes the entries, `compare` then checks that all of them are in `to`. */
  phase: 'copy' | 'compare'
  /** Entries of `from` processed so far in this phase. */
  done: number
}

export interface ImportResult {
  /** Entries of `from` that have not expired. */
  found: number
  /** Of these, entries written by this run. */
  copied: number
  /** Of these, entries left unchanged because `to` already had them. */
  kept: number
  /** Entries of `from` that had expired and were not copied. */
  expired: number
}

/** How entries get from the source to the target. `Entry` is what listing the source returns. */
export interface Route<Entry> {
  list(): AsyncIterable<Entry>
  /** Loads those of the listed entries that have not expired, in any order. */
  load(entries: readonly Entry[]): Promise<readonly LoadedEntry[]>
  /** Explains why entries are listed but none of them can be loaded. */
  nothingLoaded?(): FlatlogError
}

export interface LoadedEntry {
  isInTarget(): Promise<boolean> | boolean
  write(): Promise<unknown>
}

const BATCH_ENTRIES = 256

/** Copies all entries, then checks that every entry of the source is in the target. */
export async function copy<Entry>(
  route: Route<Entry>,
  { overwrite = false, onProgress }: ImportOptions,
  failures: { check(): void },
): Promise<ImportResult> {
  const result = { found: 0, copied: 0, kept: 0, expired: 0 }
  await inBatches(route.list(), async (batch) => {
    const loaded = await route.load(batch)
    const isInTarget = overwrite ? [] : await Promise.all(loaded.map((entry) => entry.isInTarget()))
    const missing = loaded.filter((_, position) => !isInTarget[position])
    const written = await Promise.all(missing.map((entry) => entry.write()))
    failures.check()
    const failed = written.filter((answer) => answer === false).length
    if (failed > 0) throw mismatch(failed, 'could not be written')
    result.found += loaded.length
    result.copied += missing.length
    result.kept += loaded.length - missing.length
    result.expired += batch.length - loaded.length
    onProgress?.({ phase: 'copy', done: result.found + result.expired })
  })
  if (result.found === 0 && result.expired > 0 && route.nothingLoaded) throw route.nothingLoaded()
  let compared = 0
  await inBatches(route.list(), async (batch) => {
    const missing = await countMissing(route, batch)
    failures.check()
    if (missing > 0) throw mismatch(missing, 'are not in the target after the copy')
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
  // The last batch may be empty, so that an empty source also checks for failures and reports progress.
  await act(batch)
}

/** Counts the missing entries. It looks twice, because an entry may expire between reading the source and the target. */
async function countMissing<Entry>(route: Route<Entry>, batch: readonly Entry[]): Promise<number> {
  const count = async () => {
    const loaded = await route.load(batch)
    const isInTarget = await Promise.all(loaded.map((entry) => entry.isInTarget()))
    return isInTarget.filter((each) => !each).length
  }
  return (await count()) === 0 ? 0 : await count()
}

function mismatch(count: number, problem: string): FlatlogError {
  return new FlatlogError(
    'FLATLOG_MISMATCH',
    `${count} of the entries ${problem}. Make sure that nothing else writes to either store, then call importKeyv ` +
      'again: it copies what is missing.',
  )
}
