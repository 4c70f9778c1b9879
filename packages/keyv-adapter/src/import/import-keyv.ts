import { FlatlogError } from '@flatlog/core'
import type { KeyvFlatlog } from '../keyv-flatlog.js'
import { type AnyKeyv, betweenKeyvs, isKeyv } from './between-keyvs.js'
import { type AnyStore, betweenStores } from './between-stores.js'
import { copy, type ImportOptions, type ImportResult } from './copy.js'

/**
 * Copies what a Keyv or a Keyv store holds, with the time at which each entry expires. Between two stores it copies all
 * namespaces, texts and keys as they stand there; between two Keyv the entries of their namespaces, read by the one and
 * written by the other. What `to` has already is kept, so an import that was cut off goes on when it is called again.
 * At the end it looks whether every entry of `from` is in `to`, and rejects where one is missing.
 */
export async function importKeyv(from: AnyStore, to: KeyvFlatlog, options?: ImportOptions): Promise<ImportResult>
export async function importKeyv(from: AnyKeyv, to: AnyKeyv, options?: ImportOptions): Promise<ImportResult>
export async function importKeyv(
  from: AnyStore | AnyKeyv,
  to: KeyvFlatlog | AnyKeyv,
  options: ImportOptions = {},
): Promise<ImportResult> {
  if (typeof from?.iterator !== 'function') {
    throw invalid(
      'What is to be imported has no iterator, so its keys cannot be listed. What to do: see in the documentation of ' +
        'the store how it lists its keys, and set them one by one.',
    )
  }
  const failures = new Failures()
  const stop = [failures.listenTo(from), failures.listenTo(to)]
  try {
    if (isKeyv(from) && isKeyv(to)) return await copy(betweenKeyvs(from, to), options, failures)
    if (isKeyv(from) || isKeyv(to)) {
      throw invalid(
        'importKeyv takes two Keyv or two stores. What to do: give both with new Keyv({ store }), or neither.',
      )
    }
    return await copy(await betweenStores(from, to), options, failures)
  } finally {
    for (const each of stop) each()
  }
}

/** Keyv tells some failures by an event alone, where its answer looks as if there was nothing. */
class Failures {
  #first: { readonly error: unknown } | undefined

  listenTo(emitter: object): () => void {
    const { on, off } = emitter as { on?: AddOrRemove; off?: AddOrRemove }
    const listener = (error: unknown) => {
      this.#first ??= { error }
    }
    on?.call(emitter, 'error', listener)
    return () => off?.call(emitter, 'error', listener)
  }

  check(): void {
    if (this.#first) throw this.#first.error
  }
}

type AddOrRemove = (event: string, listener: (error: unknown) => void) => unknown

function invalid(message: string): FlatlogError {
  return new FlatlogError('FLATLOG_INVALID_OPTION', message)
}
