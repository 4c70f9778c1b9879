import fc from 'fast-check'
import { Random } from '../support/random.js'
import { type CommandFocus, commands, parameters, type RunParameters } from './commands.js'
import { Run } from './run.js'

export interface ModelTest {
  readonly seed: number
  readonly withFaults: boolean
  readonly runs: number
  /** It ends earlier when the time is up. */
  readonly limitMs: number
  /** What is looked at in particular. */
  readonly focus?: Focus
  /** False: the first run that fails is told as it was. @default true */
  readonly shrinks?: boolean
}

/** Some of what is left to chance otherwise. */
export interface Focus extends CommandFocus {
  readonly profile?: RunParameters['profile']
  readonly options?: Partial<RunParameters['options']>
}

/** What fast-check says of a test that it has carried out. */
export interface ModelResult {
  readonly runs: number
  /** Undefined when nothing was found. */
  readonly failure: string | undefined
  /** The same in a few words. */
  readonly message: string | undefined
}

/** Writes, faults and crashes at random, each run from the seed, until one fails or the time is up. */
export async function modelTest(test: ModelTest): Promise<ModelResult> {
  const { seed, withFaults, runs, limitMs, focus = {}, shrinks = true } = test
  const { profile, options } = focus
  const property = fc.asyncProperty(parameters, commands(withFaults, 50, focus), async (setup, steps) => {
    let run: Run | undefined
    const begin = async () => {
      run = new Run({
        profile: profile ?? setup.profile,
        options: { ...setup.options, ...options },
        random: new Random(setup.seed),
        powerCuts: 3,
      })
      await run.beginThroughCrashes()
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
    endOnFailure: !shrinks,
  })
  const { numRuns, failed, errorInstance } = details
  if (!failed) return { runs: numRuns, failure: undefined, message: undefined }
  const error = errorInstance instanceof Error ? errorInstance : new Error(String(errorInstance))
  return {
    runs: numRuns,
    failure: `${fc.defaultReportMessage(details)}\n${error.stack}`,
    message: `${error.name}: ${error.message}`,
  }
}
