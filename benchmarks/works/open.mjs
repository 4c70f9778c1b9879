/** From the call that opens a store to the first value read from it. Loading the module came before. */
import { keyAt, uniformOrder } from '../child/data.mjs'
import { expectedOfStore, READS_TO_CHECK, valueText } from './loaded-store.mjs'

export async function run(context) {
  const { peer, params, keyCount, pool, seed, open, startGauge } = context
  const order = uniformOrder(keyCount, seed)
  const stop = startGauge()
  const handle = await open()
  // Some stores open when they are first used.
  const first = await handle.get(keyAt(order[0]))
  const { wallMs, cpuMs } = stop()

  const expected = expectedOfStore(keyCount, params.tail, seed)
  for (let n = 0; n < READS_TO_CHECK; n++) {
    const index = order[n]
    const value = n === 0 ? first : await handle.get(keyAt(index))
    if (valueText(value) !== pool.texts[expected.valueOf(index)])
      throw new Error(`${peer.label}: ${keyAt(index)} is wrong`)
  }
  await handle.close()
  return { metrics: { openMs: wallMs, openCpuMs: cpuMs }, expected }
}
