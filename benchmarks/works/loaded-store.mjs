/** What a store holds once it is loaded and its last keys are written again behind the checkpoint. */
import { shuffledOrder, writtenValue } from '../child/data.mjs'
import { Expected } from '../child/expected.mjs'

/** The keys that are written behind the checkpoint, in order, each with its value's place in the pool. */
export function* tailWrites(keyCount, tail, seed) {
  const order = tail > 0 ? shuffledOrder(keyCount, seed + 5) : []
  for (let n = 0; n < tail; n++) yield [order[n % keyCount], writtenValue(n)]
}

export function expectedOfStore(keyCount, tail, seed) {
  const expected = new Expected(keyCount, true)
  for (const [index, value] of tailWrites(keyCount, tail, seed)) expected.write(index, value)
  return expected
}

export function valueText(value) {
  return typeof value === 'string' ? value : JSON.stringify(value)
}
