/** What a store with a small cache takes in memory once it is open and in use. */
import { keyAt, uniformOrder } from '../child/data.mjs'
import { collectGarbage, heapBytes, privateBytes } from '../child/gauge.mjs'
import { expectedOfStore } from './loaded-store.mjs'

const READS = 100_000

export async function run(context) {
  const { params, keyCount, seed, open } = context
  const order = uniformOrder(keyCount, seed)
  // Code that has run once is compiled and takes memory; none of it is the store's.
  for (let n = 0; n < READS; n++) keyAt(order[n])
  await collectGarbage()
  const before = { own: privateBytes(), heap: heapBytes() }

  const handle = await open()
  for (let n = 0; n < READS; n++) {
    if ((await handle.get(keyAt(order[n]))) === undefined) throw new Error(`${keyAt(order[n])} is missing`)
  }
  await collectGarbage()
  const ownBytes = privateBytes() - before.own
  const inHeapBytes = heapBytes() - before.heap

  await handle.close()
  return {
    metrics: { memoryPerKey: ownBytes / keyCount, heapPerKey: inHeapBytes / keyCount },
    expected: expectedOfStore(keyCount, params.tail, seed),
  }
}
