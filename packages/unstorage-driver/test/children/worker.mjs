// worker.mjs <base> <lockWaitMs>: two workers on one log, as in a cluster preset or PM2. The first one to use the log
// owns it until it is killed. Prints the answers of the workers.
import cluster from 'node:cluster'
import flatlogDriver from '@flatlog/unstorage'
import { createStorage } from 'unstorage'

const [base, lockWaitMs] = process.argv.slice(2)

if (cluster.isPrimary) runPrimary()
else runWorker()

/** Sends the workers one request at a time. */
async function runPrimary() {
  const fork = async () => {
    const worker = cluster.fork()
    // A request would be lost if it was sent before the worker listens.
    await new Promise((resolve) => worker.once('message', resolve))
    return worker
  }
  const request = (worker, name) =>
    new Promise((resolve, reject) => {
      worker.once('message', resolve)
      worker.once('exit', () => reject(new Error('the worker has ended')))
      worker.send(name)
    })
  const first = await fork()
  const owner = await request(first, 'write')
  const second = await fork()
  const refused = await request(second, 'use')
  const read = await request(second, 'read')
  const gone = new Promise((resolve) => first.once('exit', resolve))
  first.kill('SIGKILL')
  await gone
  const later = await request(second, 'write')
  console.log(JSON.stringify({ ownerPid: first.process.pid, owner, refused, read, later }))
  second.kill()
}

function runWorker() {
  const options = { base, name: 'shared', lockWaitMs: Number(lockWaitMs) }
  const storage = createStorage({ driver: flatlogDriver(options) })
  const reader = createStorage({ driver: flatlogDriver({ ...options, readOnly: true }) })
  const toPlain = ({ message, code }) => ({ message, code })
  const answers = {
    write: () => storage.setItem('k', 'v').then(() => 'written', toPlain),
    read: () => reader.getItem('k').catch(toPlain),
    async use() {
      const began = performance.now()
      const outcomes = [await storage.getItem('k').catch(toPlain)]
      const firstMs = performance.now() - began
      for (let use = 0; use < 5; use++) outcomes.push(await storage.setItem('k', 'w').then(() => 'written', toPlain))
      for (let use = 0; use < 5; use++) outcomes.push(await storage.getKeys().catch(toPlain))
      return { outcomes, firstMs, othersMs: performance.now() - began - firstMs }
    },
  }
  process.on('message', async (name) => process.send(await answers[name]()))
  process.send('listening')
}
