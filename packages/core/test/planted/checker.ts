import { parentPort, workerData } from 'node:worker_threads'
import { type ModelTest, modelTest } from '../simulation/model.js'

/** The model test with the engine that it was bundled with, in a thread of its own. */
parentPort?.postMessage(await modelTest(workerData as ModelTest))
