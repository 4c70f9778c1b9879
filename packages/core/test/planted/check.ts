import { Worker } from 'node:worker_threads'
import type { ModelResult, ModelTest } from '../simulation/model.js'

/** Runs the model test of a bundle in a worker thread. Aborting ends the thread. */
export function check(path: string, test: Omit<ModelTest, 'shrinks'>, signal?: AbortSignal): Promise<ModelResult> {
  return new Promise((resolve, reject) => {
    const worker = new Worker(path, { workerData: { ...test, shrinks: false } satisfies ModelTest })
    signal?.addEventListener('abort', () => void worker.terminate(), { once: true })
    worker.once('message', (result: ModelResult) => {
      resolve(result)
      void worker.terminate()
    })
    worker.once('error', reject)
    worker.once('exit', () => reject(new Error('the checker ended without a result')))
  })
}
