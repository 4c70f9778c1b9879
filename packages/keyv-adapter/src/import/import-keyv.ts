import { FlatlogError } from '@flatlog/core'
import type { KeyvFlatlog } from '../keyv-flatlog.js'
import { type AnyKeyv, betweenKeyvs, isKeyv } from './between-keyvs.js'
import { type AnyStore, betweenStores } from './between-stores.js'
import { copy, type ImportOptions, type ImportResult } from './copy.js'

/**
 * Copies the entries of a Keyv or of a Keyv store, with their expiry times.
 *
 * Between two stores it copies the stored keys and texts of all namespaces unchanged. Between two Keyv instances it
 * copies one namespace, which one Keyv reads and the other writes. Entries that `to` already has are kept, so an
 * interrupted import continues when it is called again. It ends by checking that every entry of `from` is in `to`, and
 * rejects if one is missing.
 */
export async function importKeyv(from: AnyStore, to: KeyvFlatlog, options?: ImportOptions): Promise<ImportResult>
export async function importKeyv(from: AnyKeyv, to: AnyKeyv, options?: ImportOptions): Promise<ImportResult>
export async function importKeyv(
  from: AnyStore | AnyKeyv,
  to: KeyvFlatlog | AnyKeyv,
  options: ImportOptions = {},
): Promise<ImportResult> {
  if (typeof from?.iterator !== 'function') {
    throw invalidOption(
      'The source of the import has no iterator, so its keys cannot be listed. See its documentation for how to list ' +
        'the keys, and set them one by one.',
    )
  }
  const failures = new Failures()
  const stop = [failures.listenTo(from), failures.listenTo(to)]
  try {
    if (isKeyv(from) && isKeyv(to)) return await copy(betweenKeyvs(from, to), options, failures)
    if (isKeyv(from) || isKeyv(to)) {
      throw invalidOption(
        'importKeyv takes two Keyv instances or two stores, and got one of each. Wrap the store with ' +
          'new Keyv({ store }), or pass the store of the Keyv.',
      )
    }
    return await copy(await betweenStores(from, to), options, failures)
  } finally {
    for (const each of stop) each()
  }
}

/** Collects `error` events: Keyv reports some failures only by an event and returns as if there were no value. */
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

function invalidOption(message: string): FlatlogError {
  return new FlatlogError('FLATLOG_INVALID_OPTION', message)
}
