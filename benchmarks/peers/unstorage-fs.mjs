import { unstorageHandle } from './unstorage.mjs'

/** @type {import('./peer.mjs').Peer} */
export default {
  id: 'unstorage-fs',
  label: 'unstorage + fs',
  package: 'unstorage',
  settings: 'the driver `fs` with its defaults: one file per key',
  isAsync: true,
  opensWithoutWriting: true,
  cannot: { fsync: 'does not wait for the disk' },

  async open(dir) {
    const { default: fsDriver } = await import('unstorage/drivers/fs')
    return unstorageHandle(fsDriver({ base: dir }))
  },
}
