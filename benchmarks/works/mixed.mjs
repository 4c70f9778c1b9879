/** Alternating gets and sets, with a few keys used often and many rarely. */
import { writtenValue, zipfianOrder } from '../child/data.mjs'
import { Expected } from '../child/expected.mjs'
import { stepFor } from '../child/loops.mjs'
import { rateOf } from './rate.mjs'

export async function run(context) {
  const { peer, keys, values, seed, durationMs, warmUpMs, open, startGauge } = context
  const order = zipfianOrder(keys.length, seed)
  const mask = order.length - 1
  const handle = await open()

  let sum = 0
  // Every other operation is a set.
  const isSet = (n) => n % 2 === 0
  const step = peer.isAsync
    ? async (n) => {
        const key = keys[order[n & mask]]
        if (isSet(n)) await handle.set(key, values[writtenValue(n)])
        else sum += (await handle.get(key)).score
      }
    : (n) => {
        const key = keys[order[n & mask]]
        if (isSet(n)) return handle.set(key, values[writtenValue(n)])
        sum += handle.get(key).score
      }

  // Use the asynchronous loop, because sets may return promises even if gets do not.
  const warm = await stepFor(warmUpMs, true, 0, step)
  const stop = startGauge()
  const next = await stepFor(durationMs, true, warm, step)
  const gauge = stop()
  if (!(sum > 0)) throw new Error('Nothing was read.')

  const expected = new Expected(keys.length, true)
  for (let n = 0; n < next; n++) if (isSet(n)) expected.write(order[n & mask], writtenValue(n))
  return { metrics: rateOf(gauge, next - warm, (next - warm) / 2), expected, end: 'kill' }
}
