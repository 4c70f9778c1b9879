// A server of several workers on one log, as under a cluster preset or PM2. The first one that uses the log holds it.
import cluster from 'node:cluster'
import flatlogDriver from '@flatlog/unstorage'
import { createStorage } from 'unstorage'

const [base, lockWaitMs] = process.argv.slice(2)

if (cluster.isPrimary) runPrimary()
else runWorker()

/** Each worker is asked and answers, one question at a time; what it says last is printed for the test. */
async function runPrimary() {
  const fork = async () => {
    const worker = cluster.fork()
    // What is sent before it listens would be lost.
    await new Promise((resolve) => worker.once('message', resolve))
    return worker
  }
  const ask = (worker, question) =>
    new Promise((resolve, reject) => {
      worker.once('message', resolve)
      worker.once('exit', () => reject(new Error('the worker is gone')))
      worker.send(question)
    })
  const first = await fork()
  const owner = await ask(first, 'write')
  const second = await fork()
  const refused = await ask(second, 'use')
  const read = await ask(second, 'read')
  const gone = new Promise((resolve) => first.once('exit', resolve))
  first.kill('SIGKILL')
  await gone
  const later = await ask(second, 'write')
  console.log(JSON.stringify({ ownerPid: first.process.pid, owner, refused, read, later }))
  second.kill()
}

function runWorker() {
  const options = { base, name: 'shared', lockWaitMs: Number(lockWaitMs) }
  const storage = createStorage({ driver: flatlogDriver(options) })
  const reader = createStorage({ driver: flatlogDriver({ ...options, readOnly: true }) })
  const told = ({ message, code }) => ({ message, code })
  const questions = {
    write: () => storage.setItem('k', 'v').then(() => 'written', told),
    read: () => reader.getItem('k').catch(told),
    async use() {
      const began = performance.now()
      const outcomes = [await storage.getItem('k').catch(told)]
      const firstMs = performance.now() - began
      for (let use = 0; use < 5; use++) outcomes.push(await storage.setItem('k', 'w').then(() => 'written', told))
      for (let use = 0; use < 5; use++) outcomes.push(await storage.getKeys().catch(told))
      return { outcomes, firstMs, othersMs: performance.now() - began - firstMs }
    },
  }
  process.on('message', async (question) => process.send(await questions[question]()))
  process.send('listening')
}
