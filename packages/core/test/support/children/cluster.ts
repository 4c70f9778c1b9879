import cluster from 'node:cluster'
import { writeSync } from 'node:fs'
import { openStore } from '../core.js'

/** A program that runs its work in a process of `node:cluster`, which opens the store. */
const [dir = ''] = process.argv.slice(2)
if (cluster.isPrimary) {
  const worker = cluster.fork()
  worker.once('message', () => writeSync(1, `${worker.process.pid}\n`))
} else {
  const store = await openStore({ dir })
  await store.set('from', 'cluster')
  process.send?.('open')
}
