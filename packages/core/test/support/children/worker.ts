import { parentPort, workerData } from 'node:worker_threads'
import { openStore } from '../core.js'

/** Keeps a store open in a thread until a message, or counts up in it and reports the count. */
const { dir, counts } = workerData as { dir: string; counts?: boolean }
const store = await openStore({ dir, lockWaitMs: 0, durability: 'os', compaction: { minBytes: 10_000 } })
if (counts) {
  for (let count = (store.get('count') as number | undefined) ?? 0; ; ) {
    parentPort?.postMessage(count)
    await store.set('count', ++count)
  }
}
await store.set('from', 'worker')
parentPort?.postMessage('open')
parentPort?.once('message', async () => {
  await store.close()
  parentPort?.postMessage('closed')
})
