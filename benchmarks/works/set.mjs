/** Sets of existing keys, one by one or many in flight, and batches. */
import { shuffledOrder, writtenValue } from '../child/data.mjs'
import { Expected } from '../child/expected.mjs'
import { writeFor, writeGroupsFor } from '../child/loops.mjs'
import { rateOf } from './rate.mjs'

export async function run(context) {
  const { peer, params, keys, values, seed, isLoaded, durationMs, warmUpMs, open, startGauge } = context
  const order = shuffledOrder(keys.length, seed)
  const handle = await open()
  const { inFlight = 1, batch } = params
  // The raw limit has no queue, so its best case of many writers is to write them as one group.
  const group = batch ?? (peer.isLimit && inFlight > 1 ? inFlight : undefined)

  const write = (n) => handle.set(keys[order[n % order.length]], values[writtenValue(n)])
  const pairAt = (n) => [keys[order[n % order.length]], values[writtenValue(n)]]
  const writeGroup = (from) => handle.setBatch(Array.from({ length: group }, (_, i) => pairAt(from + i)))
  const writeAll = (ms, from) =>
    group ? writeGroupsFor(ms, group, from, writeGroup) : writeFor(ms, inFlight, from, write)

  const warm = await writeAll(warmUpMs, 0)
  const stop = startGauge()
  const next = await writeAll(durationMs, warm)
  const gauge = stop()

  const expected = new Expected(keys.length, isLoaded)
  for (let n = 0; n < next; n++) expected.write(order[n % order.length], writtenValue(n))
  // Do not close the store: the process is killed, and acknowledged writes must be there anyway.
  return { metrics: rateOf(gauge, next - warm, next - warm), expected, end: 'kill' }
}
