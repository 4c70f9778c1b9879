/** Does one run: one process measures, and another opens the store afterwards and compares its content. */
import { bytesIn } from '../child/files.mjs'
import { runJob } from './job.mjs'

export async function measureOnce(stores, row, peer, { seed, durationMs, warmUpMs }) {
  const { dir, leave } = await stores.enter(peer, row, seed)
  const job = { peer: peer.id, dir, as: row.as ?? 'value', seed }
  try {
    const { metrics, digest, liveBytes } = await runJob({
      ...job,
      ...{ kind: 'measure', work: row.work, durationMs, warmUpMs },
      params: { ...row.params, tail: row.store.tail },
      openOptions: row.openOptions ?? {},
      keyCount: row.store.keys,
      needsKeys: row.needsKeys ?? true,
      isLoaded: !row.store.isEmpty && !peer.isLimit,
    })
    const diskRatio = bytesIn(dir) / liveBytes
    const found = await runJob({ ...job, kind: 'check' })
    if (found.sha256 !== digest.sha256) {
      throw new Error(
        `The store does not have the expected content when it is opened again: ${found.keys} keys, expected ${digest.keys}`,
      )
    }
    return { ...metrics, diskRatio }
  } finally {
    leave()
  }
}
