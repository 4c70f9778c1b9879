import type { Random } from '../support/random.js'
import type { Run } from './run.js'
import type { WriteAction } from './writes.js'

/** The script of the exhaustive tests: 200 writes and two compactions from a seed. */
const WRITES = 200
const COMPACTIONS = [70, 140]

const KEYS = ['a', 'a:1', 'a:2', 'b:1', 'b:2', 'b:3', '', '__proto__', '10', 'c:1', 'c:2', 'c:3']

type ScriptStep = (run: Run) => Promise<void>

/**
 * Makes the steps of the script.
 * With `inFlight` 1 every write waits for the last one, which makes the most calls. Otherwise they go in groups.
 */
export function script(random: Random, inFlight: number): ScriptStep[] {
  const steps: ScriptStep[] = []
  let left = WRITES
  while (left > 0) {
    const count = Math.min(left, 1 + random.below(inFlight))
    const actions = Array.from({ length: count }, () => writeAction(random))
    steps.push((run) => run.write(actions))
    const done = WRITES - left
    left -= count
    if (COMPACTIONS.some((at) => at > done && at <= done + count)) {
      // Writes go on during a compaction, and it has ended before the next one starts.
      steps.push((run) => run.startCompacting())
      steps.push((run) => run.write([writeAction(random), writeAction(random)]))
      steps.push((run) => run.pass(3))
      steps.push((run) => run.write([writeAction(random)]))
      steps.push((run) => run.compacted())
    }
    // Two of three groups are still in flight when the next one comes.
    if (inFlight === 1 || random.below(3) === 0) steps.push((run) => run.check())
    else steps.push((run) => run.pass(random.below(3)))
  }
  steps.push((run) => run.check())
  return steps
}

function writeAction(random: Random): WriteAction {
  const key = random.pick(KEYS)
  const dice = random.below(20)
  if (dice < 4) return { do: 'delete', key }
  if (dice < 6) {
    const some = () => Array.from({ length: random.below(3) }, () => random.pick(KEYS))
    return { do: 'batch', set: some(), remove: some(), fill: random.below(50) }
  }
  if (dice === 6) return { do: 'clear', prefix: random.pick(['a', 'b:', 'c']) }
  if (dice === 7) return { do: 'update', key }
  if (dice === 8 && random.below(3) === 0) return { do: 'replace', keys: [random.pick(KEYS), random.pick(KEYS)] }
  return { do: 'set', key, fill: random.below(random.below(12) === 0 ? 5000 : 60) }
}
