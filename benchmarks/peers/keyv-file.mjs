import { join } from 'node:path'
import { KeyvFile } from 'keyv-file'
import { keyvHandle } from './keyv.mjs'

/** @type {import('./peer.mjs').Peer} */
export default {
  id: 'keyv-file',
  label: 'Keyv + keyv-file',
  package: 'keyv-file',
  settings: '`writeDelay: 0` (by default a write waits 100 ms for others); each write rewrites the whole file',
  isAsync: true,
  cannot: { fsync: 'does not wait for the disk' },

  async open(dir) {
    const store = new KeyvFile({ filename: join(dir, 'data.json'), writeDelay: 0 })
    // There is nothing to close, and every call was awaited.
    return keyvHandle(store, () => {})
  },
}
