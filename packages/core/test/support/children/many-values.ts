import { monitorEventLoopDelay } from 'node:perf_hooks'
import { openStore } from '../core.js'

/**
 * Writes a store of several times the heap of this process, reads it at random, lists, compacts and opens it, and checks
 * each value. Prints its measurements as JSON, a line for each step.
 */
const task = JSON.parse(process.argv[2] as string) as {
  dir: string
  keys: number
  valueBytes: number
  cacheBytes: number
  reads: number
}
const { dir, keys, valueBytes, cacheBytes, reads } = task
const IN_FLIGHT = 200

const keyOf = (number: number) => `key:${String(number).padStart(8, '0')}`
/** Each version of a value has another text, so that an old one is noticed. */
const made = (number: number, version: number) => ({
  number,
  version,
  fill: `${number * 7 + version} `.repeat(Math.ceil(valueBytes / 8)).slice(0, valueBytes),
})
/** Every seventh key is written again, and every eleventh is deleted. */
const versionOf = (number: number) => (number % 7 === 0 ? 2 : 1)
const isThere = (number: number) => number % 11 !== 0

let peakBytes = 0
const timer = setInterval(() => {
  peakBytes = Math.max(peakBytes, process.memoryUsage().rss)
}, 50)
timer.unref()

async function measured(step: string, act: () => Promise<object | undefined>): Promise<void> {
  const lag = monitorEventLoopDelay({ resolution: 5 })
  lag.enable()
  const startMs = performance.now()
  const more = await act()
  const ms = Math.round(performance.now() - startMs)
  lag.disable()
  const heapBytes = process.memoryUsage().heapUsed
  console.log(JSON.stringify({ step, ms, longestLagMs: Math.round(lag.max / 1e6), heapBytes, peakBytes, ...more }))
}

const turn = () => new Promise((resolve) => setImmediate(resolve))
const options = { dir, cacheBytes, durability: 'os', backups: 0 } as const
let store = await openStore(options)

await measured('write', async () => {
  let writes: Promise<unknown>[] = []
  const done = async () => {
    await Promise.all(writes)
    writes = []
    await turn()
  }
  // Not in the order of the keys.
  for (let step = 0; step < keys; step++) {
    const number = (step * 7919) % keys
    writes.push(store.set(keyOf(number), made(number, 1)))
    if (writes.length === IN_FLIGHT) await done()
  }
  for (let number = 0; number < keys; number++) {
    if (versionOf(number) === 2) writes.push(store.set(keyOf(number), made(number, 2)))
    if (!isThere(number)) writes.push(store.delete(keyOf(number)))
    if (writes.length >= IN_FLIGHT) await done()
  }
  await done()
  return { stats: store.stats() }
})

function check(number: number): void {
  const found = store.get<ReturnType<typeof made>>(keyOf(number))
  if (!isThere(number)) {
    if (found !== undefined) throw new Error(`${keyOf(number)} was deleted but exists`)
    return
  }
  const wanted = made(number, versionOf(number))
  if (found?.version !== wanted.version || found.fill !== wanted.fill) throw new Error(`${keyOf(number)} is wrong`)
}

async function readAtRandom(): Promise<undefined> {
  for (let read = 0, number = 1; read < reads; read++) {
    number = (number * 48_271) % 2_147_483_647
    check(number % keys)
    if (read % 100 === 0) await turn()
  }
}

async function list(): Promise<object> {
  let count = 0
  for (const [key, value] of store.entries<{ number: number; version: number }>()) {
    if (key !== keyOf(value.number) || value.version !== versionOf(value.number)) throw new Error(`${key} is wrong`)
    if (++count % 1000 === 0) await turn()
  }
  const wanted = keys - Math.ceil(keys / 11)
  if (count !== wanted) throw new Error(`${count} keys are listed, but there are ${wanted}`)
  return { count }
}

await measured('read', readAtRandom)
await measured('list', list)
await measured('compact', async () => {
  await store.compact()
  return { stats: store.stats() }
})
await measured('read again', readAtRandom)
await store.close()
await measured('open', async () => {
  store = await openStore(options)
  return undefined
})
await measured('read after opening', readAtRandom)
await measured('list after opening', list)
await store.close()
