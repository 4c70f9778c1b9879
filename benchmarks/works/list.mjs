/** Lists all keys with a prefix, as an array. */
import { GROUPS, prefixOf } from '../child/data.mjs'
import { Expected } from '../child/expected.mjs'

export async function run(context) {
  const { keys, durationMs, warmUpMs, open, startGauge } = context
  const handle = await open()
  const wanted = Array.from({ length: GROUPS }, (_, group) => keys.filter((_key, index) => index % GROUPS === group))

  for (let group = 0; group < GROUPS; group++) {
    const listed = await handle.keysWith(prefixOf(group))
    if (listed.length !== wanted[group].length || [...listed].sort().join() !== wanted[group].join()) {
      throw new Error(`The list of ${prefixOf(group)} is wrong: ${listed.length} keys, ${listed[0]} …`)
    }
  }

  let n = 0
  const listFor = async (ms) => {
    const end = performance.now() + ms
    do if ((await handle.keysWith(prefixOf(n++ % GROUPS))).length === 0) throw new Error('Nothing was listed.')
    while (performance.now() < end)
  }
  await listFor(warmUpMs)
  const from = n
  const stop = startGauge()
  await listFor(durationMs)
  const { wallMs, cpuMs } = stop()
  await handle.close()
  return {
    metrics: { listMs: wallMs / (n - from), listCpuMs: cpuMs / (n - from) },
    expected: new Expected(keys.length, true),
  }
}
