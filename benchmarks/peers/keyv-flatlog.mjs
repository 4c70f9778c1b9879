import { join } from 'node:path'
import KeyvFlatlog from '../../packages/keyv-adapter/dist/index.js'
import { keyvHandle } from './keyv.mjs'

const NAME = 'bench'

/** @type {import('./peer.mjs').Peer} */
export default {
  id: 'keyv-flatlog',
  label: 'Keyv + Flatlog',
  package: '@flatlog/keyv',
  settings: 'the defaults, except for the `durability` of the row',
  isAsync: true,
  logFiles: (dir) => [join(dir, 'logs', `${NAME}.log`)],

  async open(dir, { durability }) {
    const options = { dir, name: NAME, ...(durability && { durability: durability === 'fsync' ? 'always' : 'os' }) }
    return keyvHandle(new KeyvFlatlog(options))
  },
}
