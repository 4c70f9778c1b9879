import { join } from 'node:path'
import flatlogDriver from '../../packages/unstorage-driver/dist/index.js'
import { unstorageHandle } from './unstorage.mjs'

const NAME = 'bench'

/** @type {import('./peer.mjs').Peer} */
export default {
  id: 'unstorage-flatlog',
  label: 'unstorage + Flatlog',
  package: '@flatlog/unstorage',
  settings: 'the defaults, except for the `durability` of the row',
  isAsync: true,
  logFiles: (dir) => [join(dir, 'logs', `${NAME}.log`)],

  async open(dir, { durability }) {
    const options = {
      base: dir,
      name: NAME,
      ...(durability && { durability: durability === 'fsync' ? 'always' : 'os' }),
    }
    return unstorageHandle(flatlogDriver(options))
  },
}
