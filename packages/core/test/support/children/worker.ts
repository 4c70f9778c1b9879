import { parentPort, workerData } from 'node:worker_threads'
import { openStore } from '../../../src/index.js'

/** Opens a store in a thread and holds it until it is told to close. */
const store = await openStore(workerData as { dir: string })
await store.set('from', 'worker')
parentPort?.postMessage('open')
parentPort?.once('message', async () => {
  await store.close()
  parentPort?.postMessage('closed')
})
