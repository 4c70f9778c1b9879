/**
 * The time from opening a store to the first value read from it, without loading its module, and the memory of the
 * store after some use.
 */
import { keyAt, uniformOrder } from '../child/data.mjs'
import { collectGarbage, heapBytes, privateBytes } from '../child/gauge.mjs'
import { expectedOfStore, valueText } from './loaded-store.mjs'

const READS = 100_000
const READS_COMPARED = 1000

export async function run(context) {
  const { params, keyCount, pool, seed, open, startGauge } = context
  const order = uniformOrder(keyCount, seed)
  // Run this code before measuring memory, because compiled code takes memory that does not belong to the store.
  for (let n = 0; n < READS; n++) keyAt(order[n])
  await collectGarbage()
  const before = { own: privateBytes(), heap: heapBytes() }

  const stop = startGauge()
  const handle = await open()
  // Some stores open at their first use.
  await handle.get(keyAt(order[0]))
  const { wallMs, cpuMs } = stop()

  for (let n = 0; n < READS; n++) {
    if ((await handle.get(keyAt(order[n]))) === undefined) throw new Error(`${keyAt(order[n])} is missing`)
  }
  await collectGarbage()
  const memoryPerKey = (privateBytes() - before.own) / keyCount
  const heapPerKey = (heapBytes() - before.heap) / keyCount

  // After the measurement, because the expected content takes memory as well.
  const expected = expectedOfStore(keyCount, params.tail, seed)
  for (let n = 0; n < READS_COMPARED; n++) {
    const value = await handle.get(keyAt(order[n]))
    if (valueText(value) !== pool.texts[expected.valueOf(order[n])]) throw new Error(`${keyAt(order[n])} is wrong`)
  }
  await handle.close()
  return { metrics: { openMs: wallMs, openCpuMs: cpuMs, memoryPerKey, heapPerKey }, expected }
}
