/**
 * Runs one job in its own process. The job is an argument, and the result is sent to the parent.
 *
 * `describe` returns a peer's properties, `load` fills a store, `measure` runs a work on it, and `check` opens it again
 * and computes the checksum of its content.
 */

import { loadPeer } from '../peers/peer.mjs'
import { tailWrites } from '../works/loaded-store.mjs'
import { keyAt, keysUpTo, LIVE_BYTES, loadedValue, valuePool } from './data.mjs'
import { digestOf } from './expected.mjs'
import { startGauge } from './gauge.mjs'

const LOAD_BATCH = 1000
const JOBS = { describe: () => peer, load, measure, check }

const job = JSON.parse(process.argv[2])
const peer = await loadPeer(job.peer)
const pool = valuePool(job.seed)
const values = job.as === 'text' ? pool.texts : pool.objects
const result = await JOBS[job.kind]()

process.send(result, () => {
  // Kill the process without closing the store: acknowledged writes must be in its files anyway.
  if (result.end === 'kill') process.kill(process.pid, 'SIGKILL')
  else process.exit(0)
})

async function load() {
  const handle = await peer.open(job.dir, { durability: 'os', as: job.as })
  for (let from = 0; from < job.keyCount; from += LOAD_BATCH) {
    const size = Math.min(LOAD_BATCH, job.keyCount - from)
    await handle.setBatch(Array.from({ length: size }, (_, i) => [keyAt(from + i), values[loadedValue(from + i)]]))
  }
  await handle.compact?.()
  await loadTail(handle)
  await handle.close()
  return {}
}

/** Writes the records after the checkpoint: one by one if the peer has one record per set, otherwise in batches. */
async function loadTail(handle) {
  let pairs = []
  const write = async () => {
    if (peer.hasRecordPerSet) await Promise.all(pairs.map(([key, value]) => handle.set(key, value)))
    else if (peer.cannot?.batch) for (const [key, value] of pairs) await handle.set(key, value)
    else await handle.setBatch(pairs)
    pairs = []
  }
  for (const [index, value] of tailWrites(job.keyCount, job.tail, job.seed)) {
    pairs.push([keyAt(index), values[value]])
    if (pairs.length === LOAD_BATCH) await write()
  }
  await write()
}

async function measure() {
  const { run } = await import(`../works/${job.work}.mjs`)
  const { metrics, expected, end } = await run({
    ...job,
    peer,
    pool,
    values,
    startGauge,
    keys: job.needsKeys ? keysUpTo(job.keyCount) : undefined,
    open: () => peer.open(job.dir, { ...job.openOptions, as: job.as }),
  })
  const digest = expected.digest(pool.texts)
  return { metrics, digest, liveBytes: digest.keys * LIVE_BYTES, end: end ?? 'close' }
}

async function check() {
  const handle = await peer.open(job.dir, { as: job.as })
  const entries = []
  for await (const entry of handle.entries()) entries.push(entry)
  await handle.close()
  return digestOf(entries)
}
