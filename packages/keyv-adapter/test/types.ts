/**
 * Checks that both versions of Keyv accept the class as a store.
 * Compiled by `npm run typecheck` and never run.
 */
import { Keyv as Keyv5, type KeyvStoreAdapter } from 'keyv'
import type { KeyvFile } from 'keyv-file'
import { Keyv as Keyv6, type KeyvStorageAdapter } from 'keyv6'
import KeyvFlatlog, {
  createKeyvFlatlog,
  type ImportResult,
  importKeyv,
  type KeyvFlatlogOptions,
  KeyvFlatlog as Named,
} from '../src/index.js'

const options: KeyvFlatlogOptions = { dir: 'data', name: 'keyv', durability: 'interval', bareNamespace: 'players' }
const store = new KeyvFlatlog(options)

export const adapter5: KeyvStoreAdapter = store
export const adapter6: KeyvStorageAdapter = store
export const made = [
  new Keyv5({ store }),
  new Keyv5(store),
  new Keyv5(store, { namespace: 'n' }),
  new Keyv6({ store }),
  new Keyv6(store),
  new Keyv6(store, { namespace: 'n' }),
  new Keyv5<number>({ store: new Named('data') }),
  new Keyv6<number>({ store: new Named() }),
  createKeyvFlatlog(),
  createKeyvFlatlog('data'),
  createKeyvFlatlog(options),
]

// @ts-expect-error A directory is not a number.
new KeyvFlatlog(1)
// @ts-expect-error There is no third protocol.
new KeyvFlatlog({ protocol: 7 })

/** Checks the arguments of `importKeyv`: two of either Keyv, or two stores with an iterator. */
export async function imports(file: KeyvFile, old: Keyv5, next: Keyv6<number>): Promise<void> {
  const { found, copied }: ImportResult = await importKeyv(file, store, {
    onProgress: ({ phase, done }) => [phase, done],
  })
  await importKeyv(store, new KeyvFlatlog())
  await importKeyv(old, next, { overwrite: found > copied })
  await importKeyv(next, createKeyvFlatlog())
  // @ts-expect-error A Keyv cannot be imported into a store.
  await importKeyv(old, store)
  // @ts-expect-error A store cannot be imported into a Keyv.
  await importKeyv(file, next)
}
