import { Keyv } from 'keyv'
import { KeyvFlatlog } from './keyv-flatlog.js'
import type { KeyvFlatlogOptions } from './options.js'

/** A Keyv on a Flatlog file, ready to use; of whichever major version is installed. */
export function createKeyvFlatlog(options?: KeyvFlatlogOptions | string): Keyv {
  const store = new KeyvFlatlog(options)
  // Keyv 5 would put its own default in the place of the store's namespace.
  return store.namespace === undefined ? new Keyv({ store }) : new Keyv({ store, namespace: store.namespace })
}
