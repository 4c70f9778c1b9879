import { parentPort, workerData } from 'node:worker_threads'
import { type ModelTest, modelTest } from '../simulation/model.js'

/** Runs the model test in a worker thread, on the engine that is bundled with it. */
parentPort?.postMessage(await modelTest(workerData as ModelTest))
