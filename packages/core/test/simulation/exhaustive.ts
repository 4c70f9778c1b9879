import type { StoreOptions } from '../support/core.js'
import { Random } from '../support/random.js'
import type { Profile } from './disk.js'
import type { Fault } from './faults.js'
import type { SimulatedCall } from './file-system.js'
import { type Moment, Run } from './run.js'
import { script } from './script.js'
import type { Crash } from './witness.js'

/** Runs one script to every moment at which it can end, and with every call failing. */

export interface Exhaustive {
  readonly seed: number
  readonly profile: Profile
  readonly options: Omit<StoreOptions, 'dir'>
  readonly inFlight: number
}

interface CallMoment extends Moment {
  readonly number: number
  readonly call: SimulatedCall
}

/** Runs the script and passes the moment before each call to `visit`, which may keep it. */
async function walk(
  { seed, profile, options, inFlight }: Exhaustive,
  visit: (moment: CallMoment) => void,
  isWanted: (number: number, call: SimulatedCall) => boolean = () => true,
): Promise<number> {
  let number = 0
  const onCall = (call: SimulatedCall, run: Run) => {
    number++
    if (isWanted(number, call)) visit({ ...run.moment(), number, call })
  }
  const random = new Random(seed)
  const run = new Run({ profile, options, random, onCall })
  await run.begin()
  for (const step of script(new Random(seed), inFlight)) await step(run)
  run.leave()
  return number
}

/** Returns the number of calls that the script makes. */
export function countCalls(test: Exhaustive): Promise<number> {
  return walk(
    test,
    () => {},
    () => false,
  )
}

/**
 * Before every call the process is killed once, and the power is cut `powerCuts` times with different outcomes.
 * Recovery is crashed as well. With a `stride`, takes every n-th call only.
 */
export async function crashAtEveryCall(test: Exhaustive, powerCuts: number, stride: number): Promise<number> {
  const moments: CallMoment[] = []
  const calls = await walk(
    test,
    (moment) => moments.push(moment),
    (number) => number % stride === test.seed % stride,
  )
  for (const moment of moments) {
    await recover(test, moment, 'kill', 0)
    for (let cut = 1; cut <= powerCuts; cut++) await recover(test, moment, 'power', cut)
  }
  return calls
}

/** Kills the process inside every write, after as many bytes as `bytesOf` lists. */
export async function killInsideWrites(
  test: Exhaustive,
  bytesOf: (length: number, isLast: boolean) => Iterable<number>,
): Promise<number> {
  const moments: CallMoment[] = []
  await walk(
    test,
    (moment) => moments.push(moment),
    (_, { kind }) => kind === 'write',
  )
  let cuts = 0
  for (const [position, moment] of moments.entries()) {
    const { bytes, position: at, inode } = moment.call.write as NonNullable<SimulatedCall['write']>
    for (const length of bytesOf(bytes.length, position === moments.length - 1)) {
      const torn: CallMoment = { ...moment, machine: moment.machine.clone(), witness: moment.witness.clone() }
      const { disk } = torn.machine
      disk.inode(inode.id)?.write(Buffer.from(bytes.subarray(0, length)), at, disk.nextTick())
      await recover(test, torn, 'kill', 0, `after ${length} of ${bytes.length} bytes`)
      cuts++
    }
  }
  return cuts
}

/** Recovers twice from a crash at one moment, which must lead to the same state. */
async function recover(
  { seed, profile, options }: Exhaustive,
  { machine, witness, number, call }: CallMoment,
  crash: Crash,
  cut: number,
  where = '',
): Promise<void> {
  const random = new Random(seed + number * 1000 + cut)
  try {
    const moment = { machine: machine.clone(random), witness: witness.clone() }
    const run = new Run({ profile, options, random, crashesInRecovery: where === '' ? 2 : 0 }, moment)
    await run.recoverFrom(crash)
    run.leave()
    await run.recoverFrom(crash)
    await run.verify()
    run.leave()
  } catch (error) {
    const place = `${crash} ${cut} at call ${number} (${call.kind} ${call.path}) ${where}`
    throw new Error(`seed ${seed}, ${profile}, ${place}: ${(error as Error).stack}`)
  }
}

/**
 * Runs the script with a fault from its first opening on.
 * After the disk has healed, everything must be there.
 */
export async function withFault({ seed, profile, options, inFlight }: Exhaustive, fault: Fault): Promise<void> {
  const run = new Run({ profile, options, random: new Random(seed) })
  try {
    await run.begin(fault)
    for (const step of script(new Random(seed), inFlight)) await step(run)
    await run.heal()
    await run.check()
    await run.closeAndOpen()
    await run.end()
  } catch (error) {
    const what = JSON.stringify({ ...fault, on: String(fault.on) })
    throw new Error(`seed ${seed}, ${profile}, ${what}: ${(error as Error).stack}`)
  }
}
