/**
 * One job in a process of its own: `describe` tells of a peer, `load` makes a store, `measure` does one work on it,
 * `check` opens it again and adds up what it holds. The job comes as an argument, the result goes to the parent.
 */

import { loadPeer } from '../peers/peer.mjs'
import { tailWrites } from '../works/loaded-store.mjs'
import { keyAt, keysUpTo, LIVE_BYTES, loadedValue, valuePool } from './data.mjs'
import { digestOf } from './expected.mjs'
import { startGauge } from './gauge.mjs'

const LOAD_BATCH = 1000
const HANDLED = { describe: () => peer, load, measure, check }

const job = JSON.parse(process.argv[2])
const peer = await loadPeer(job.peer)
const pool = valuePool(job.seed)
const values = job.as === 'text' ? pool.texts : pool.objects
const result = await HANDLED[job.kind]()

process.send(result, () => {
  // Killed and not closed: what a peer acknowledged must be in its files without any goodbye.
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

/** What is written behind the checkpoint: as records where the peer counts them. */
async function loadTail(handle) {
  let pairs = []
  const write = async () => {
    if (peer.eachSetIsARecord) await Promise.all(pairs.map(([key, value]) => handle.set(key, value)))
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
