import fc from 'fast-check'
import { Random } from '../support/random.js'
import { type CommandFocus, commands, parameters, type RunParameters } from './commands.js'
import { Run } from './run.js'

export interface ModelTest {
  readonly seed: number
  readonly withFaults: boolean
  /**
   * The number of runs.
   * There is no other limit, so that a seed gives the same result on a slow machine.
   */
  readonly runs: number
  readonly focus?: Focus
  /** False: report the first failing run as it is. @default true */
  readonly shrinks?: boolean
}

/** Fixes some of what is otherwise left to chance. */
export interface Focus extends CommandFocus {
  readonly profile?: RunParameters['profile']
  readonly options?: Partial<RunParameters['options']>
}

/** What fast-check reports. */
export interface ModelResult {
  /** How many runs it took, the failing one included. */
  readonly runs: number
  /** Undefined if all runs passed. */
  readonly failure: string | undefined
  /** The error of the failing run, in one line. */
  readonly message: string | undefined
}

/**
 * Random writes, faults and crashes until a run fails or all have passed.
 * Every run follows from the seed.
 */
export async function modelTest(test: ModelTest): Promise<ModelResult> {
  const { seed, withFaults, runs, focus = {}, shrinks = true } = test
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
  const details = await fc.check(property, { seed, numRuns: runs, endOnFailure: !shrinks })
  const { numRuns, failed, errorInstance } = details
  if (!failed) return { runs: numRuns, failure: undefined, message: undefined }
  const error = errorInstance instanceof Error ? errorInstance : new Error(String(errorInstance))
  return {
    runs: numRuns,
    failure: `${fc.defaultReportMessage(details)}\n${error.stack}`,
    message: `${error.name}: ${error.message}`,
  }
}
