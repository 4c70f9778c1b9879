import fc from 'fast-check'
import { Random } from '../support/random.js'
import { commands, parameters } from './commands.js'
import { Run } from './run.js'

export interface ModelTest {
  readonly seed: number
  readonly withFaults: boolean
  readonly runs: number
  /** It ends earlier when the time is up. */
  readonly limitMs: number
}

/** What fast-check says of a test that it has carried out. */
export interface ModelResult {
  readonly runs: number
  /** Undefined when nothing was found. */
  readonly failure: string | undefined
}

/** Writes, faults and crashes at random, each run from the seed, until one fails or the time is up. */
export async function modelTest({ seed, withFaults, runs, limitMs }: ModelTest): Promise<ModelResult> {
  const property = fc.asyncProperty(parameters, commands(withFaults, 50), async (setup, steps) => {
    let run: Run | undefined
    const begin = async () => {
      run = new Run({ ...setup, random: new Random(setup.seed) })
      await run.begin()
      return { model: {}, real: run }
    }
    await fc.asyncModelRun(begin, steps)
    await run?.end()
  })
  const details = await fc.check(property, {
    seed,
    numRuns: runs,
    interruptAfterTimeLimit: limitMs,
    markInterruptAsFailure: false,
  })
  const { numRuns, failed, errorInstance } = details
  const cause = errorInstance instanceof Error ? errorInstance.stack : String(errorInstance)
  return { runs: numRuns, failure: failed ? `${fc.defaultReportMessage(details)}\n${cause}` : undefined }
}
