/** The content of a loaded store, with the writes after its checkpoint. */
import { shuffledOrder, writtenValue } from '../child/data.mjs'
import { Expected } from '../child/expected.mjs'

/** The writes after the checkpoint, in order: the index of each key and of its value in the pool. */
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
