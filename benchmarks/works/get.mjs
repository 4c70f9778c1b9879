/** Random gets. Each one reads a field of its value. */
import { uniformOrder } from '../child/data.mjs'
import { stepFor } from '../child/loops.mjs'
import { expectedOfStore, valueText } from './loaded-store.mjs'
import { rateOf } from './rate.mjs'

const SAMPLE_KEYS = 10_000

export async function run(context) {
  const { peer, params, keys, pool, as, seed, durationMs, warmUpMs, open, startGauge } = context
  const order = uniformOrder(keys.length, seed)
  const mask = order.length - 1
  const isText = as === 'text'
  const handle = await open()
  const expected = expectedOfStore(keys.length, params.tail, seed)

  // Read and compare the values first: all of them for rows with hot keys, otherwise a sample.
  const stride = params.isHot ? 1 : Math.ceil(keys.length / SAMPLE_KEYS)
  for (let index = 0; index < keys.length; index += stride) {
    const got = handle.get(keys[index])
    const value = peer.isAsync ? await got : got
    if (valueText(value) !== pool.texts[expected.valueOf(index)]) {
      throw new Error(`${keys[index]} is ${JSON.stringify(value)}`)
    }
  }

  let sum = 0
  const use = isText
    ? (text) => {
        sum += text.length
      }
    : (value) => {
        sum += value.score
      }
  const step = peer.isAsync
    ? async (n) => use(await handle.get(keys[order[n & mask]]))
    : (n) => use(handle.get(keys[order[n & mask]]))

  // With a million keys, the warm-up has to read longer than the measurement.
  const warm = await stepFor(params.isHot ? warmUpMs : 2 * durationMs, peer.isAsync, 0, step)
  const stop = startGauge()
  const next = await stepFor(durationMs, peer.isAsync, warm, step)
  const gauge = stop()
  if (!(sum > 0)) throw new Error('Nothing was read.')
  await handle.close()
  return { metrics: rateOf(gauge, next - warm), expected }
}
