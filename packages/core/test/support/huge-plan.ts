import type { Random } from './random.js'
import { Plan, randomAt, type Step } from './workload.js'

const MIB = 1 << 20
const KEYS = 2
/**
 * Each text repeats one letter, so that a piece of another text is noticed.
 * Some letters take several bytes.
 */
const LETTERS = 'abcdefghijéö€漢'

/** An endless plan of values so large that a process can be killed while one is written. */
export class HugePlan extends Plan<Step> {
  readonly #seed: number

  /** The texts have `minMiB` to `maxMiB`. */
  constructor(
    random: Random,
    private readonly minMiB: number,
    private readonly maxMiB: number,
  ) {
    super()
    this.#seed = random.seed
  }

  stepAt(number: number): Step {
    const letter = LETTERS[number % LETTERS.length] as string
    // Larger ones are rarer.
    const sizeMiB = this.minMiB + randomAt(this.#seed, number).next() ** 2 * (this.maxMiB - this.minMiB)
    const text = letter.repeat((sizeMiB * MIB) / Buffer.byteLength(letter))
    return { kind: 'set', key: `huge ${number % KEYS}`, value: { n: number, text } }
  }
}
