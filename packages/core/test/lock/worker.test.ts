import { once } from 'node:events'
import { Worker } from 'node:worker_threads'
import { afterEach, expect, test } from 'vitest'
import { useChildren } from '../support/children.js'
import { namesAndSockets, stateOf } from '../support/files.js'
import { readLock } from '../support/locks.js'
import { rounds } from '../support/long.js'
import { machine, openOn } from '../support/machine.js'
import { moment } from '../support/moment.js'
import { withSeed } from '../support/random.js'
import { useTempDirectory } from '../support/temp-directory.js'

const directory = useTempDirectory()
const childPath = useChildren('worker')
const workers: Worker[] = []

afterEach(async () => {
  await Promise.all(workers.splice(0).map((worker) => worker.terminate()))
})

async function startWorker(dir: string): Promise<Worker> {
  const worker = new Worker(childPath('worker'), { workerData: { dir } })
  workers.push(worker)
  await once(worker, 'message')
  return worker
}

test('a living worker thread owns the store, and the error names it', async () => {
  const dir = directory()
  const worker = await startWorker(dir)
  expect(readLock(dir)).toMatchObject({ pid: process.pid, thread: worker.threadId })
  const refused = openOn(machine(), { dir, lockWaitMs: 0 })
  await expect(refused).rejects.toMatchObject({ code: 'FLATLOG_LOCKED' })
  await expect(refused).rejects.toThrow(`(worker thread ${worker.threadId})`)
  const closed = once(worker, 'message')
  worker.postMessage('close')
  await closed
  await using store = await openOn(machine(), { dir, lockWaitMs: 0 })
  expect(stateOf(store)).toEqual({ from: 'worker' })
})

test('a worker thread that died owns nothing, although its process lives', async () => {
  const dir = directory()
  const worker = await startWorker(dir)
  await worker.terminate()
  const store = await openOn(machine(), { dir, lockWaitMs: 0 })
  expect(stateOf(store)).toEqual({ from: 'worker' })
  await store.set('after', 1)
  await store.close()
  expect(namesAndSockets(dir)).toEqual(['store.log', 'store.mark'])
})

test('worker threads that are terminated while they write lose no acknowledged write', async () => {
  await withSeed(async (random) => {
    const dir = directory()
    let acknowledged = 0
    for (let round = 0; round < rounds(10, 100); round++) {
      const worker = new Worker(childPath('worker'), { workerData: { dir, counts: true } })
      workers.push(worker)
      const [found] = (await once(worker, 'message')) as [number]
      expect(found).toBeGreaterThanOrEqual(acknowledged)
      acknowledged = found
      worker.on('message', (count: number) => {
        acknowledged = count
      })
      await moment(random.next() * 10)
      await worker.terminate()
    }
    await using store = await openOn(machine(), { dir, lockWaitMs: 0 })
    expect(store.get('count')).toBeGreaterThanOrEqual(acknowledged)
    expect(acknowledged).toBeGreaterThan(0)
    expect(store.recovery).toMatchObject({ damage: [], inDoubt: [] })
  })
})
