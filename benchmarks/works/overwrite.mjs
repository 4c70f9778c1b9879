/** The size of a store's files, relative to its live data, while every key is overwritten ten times. */
import { LIVE_BYTES, shuffledOrder, writtenValue } from '../child/data.mjs'
import { Expected } from '../child/expected.mjs'
import { bytesIn, bytesOf } from '../child/files.mjs'
import { rateOf } from './rate.mjs'

const ROUNDS = 10
/** Sizes are measured after this many writes. */
const GROUP = 100

export async function run(context) {
  const { peer, dir, keys, values, seed, open, startGauge } = context
  const order = shuffledOrder(keys.length, seed)
  const handle = await open()
  const liveBytes = keys.length * LIVE_BYTES
  const total = keys.length * (ROUNDS + 1)
  let logPeak = 0
  let diskPeak = 0
  const measureSizes = () => {
    const disk = bytesIn(dir)
    diskPeak = Math.max(diskPeak, disk)
    logPeak = Math.max(logPeak, peer.logFiles ? bytesOf(peer.logFiles(dir)) : disk)
  }

  const pairAt = (n) => [keys[order[n % keys.length]], values[writtenValue(n)]]
  const stop = startGauge()
  for (let n = 0; n < total; n += GROUP) {
    const pairs = Array.from({ length: Math.min(GROUP, total - n) }, (_, i) => pairAt(n + i))
    // One by one if each set is a record with its own fields, which is the worst case. Otherwise the faster way.
    if (peer.hasRecordPerSet) await Promise.all(pairs.map(([key, value]) => handle.set(key, value)))
    else await handle.setBatch(pairs)
    // The first round only fills the store.
    if (n >= keys.length) measureSizes()
  }
  const gauge = stop()

  await handle.compact?.()
  await handle.close()
  const diskAfter = bytesIn(dir)
  const logAfter = peer.logFiles ? bytesOf(peer.logFiles(dir)) : diskAfter
  const expected = new Expected(keys.length, false)
  for (let n = 0; n < total; n++) expected.write(order[n % keys.length], writtenValue(n))
  return {
    metrics: {
      logPeak: logPeak / liveBytes,
      logAfter: logAfter / liveBytes,
      diskPeak: diskPeak / liveBytes,
      ...rateOf(gauge, total, total),
    },
    expected,
  }
}
