import type { Random } from './random.js'
import { Plan, randomAt, type Step } from './workload.js'

const MIB = 1 << 20
const KEYS = 2
/** Every text consists of one of them, so that a piece of another one would show. Some take several bytes. */
const LETTERS = 'abcdefghijéö€漢'

/** Values so large that writing one takes a while, in which a process can be killed. Without end. */
export class HugePlan extends Plan<Step> {
  readonly #seed: number

  /** The values' texts have from `minMiB` to `maxMiB`. */
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
    // The larger the rarer.
    const sizeMiB = this.minMiB + randomAt(this.#seed, number).next() ** 2 * (this.maxMiB - this.minMiB)
    const text = letter.repeat((sizeMiB * MIB) / Buffer.byteLength(letter))
    return { kind: 'set', key: `huge ${number % KEYS}`, value: { n: number, text } }
  }
}
