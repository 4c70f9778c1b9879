/**
 * The keys, the values and the order in which they are used. All are generated from the seed, so every peer gets the
 * same ones, and the expected content of the store is known.
 */
import { uniformInt } from 'pure-rand/distribution/uniformInt'
import { xoroshiro128plus } from 'pure-rand/generator/xoroshiro128plus'

export const GROUPS = 10
export const POOL_SIZE = 1024
export const KEY_BYTES = 20
export const VALUE_BYTES = 100
/** The bytes of one key and its value, without anything that a store adds. */
export const LIVE_BYTES = KEY_BYTES + VALUE_BYTES
/** The length of a random order, which is then repeated. A power of two, so that a mask can replace the modulo. */
const ORDER_LENGTH = 2 ** 20
const ZIPF_EXPONENT = 0.99
const LETTERS = 'abcdefghijklmnopqrstuvwxyz'

/** Returns the key with this index. Each of the ten groups has a tenth of the keys, with a common prefix. */
export function keyAt(index) {
  return flat(`${prefixOf(index % GROUPS)}player${String(index).padStart(7, '0')}`)
}

export function prefixOf(group) {
  return `team${String(group).padStart(2, '0')}:`
}

export function keysUpTo(count) {
  return Array.from({ length: count }, (_, index) => keyAt(index))
}

/** Flattens a string: V8 builds concatenated strings as trees, and flattens them at the cost of their first reader. */
function flat(text) {
  return Buffer.from(text, 'latin1').toString('latin1')
}

/** Generates the values, each 100 bytes of JSON, as objects and as texts. Each write stores one of them. */
export function valuePool(seed) {
  const random = xoroshiro128plus(seed)
  const objects = Array.from({ length: POOL_SIZE }, (_, id) => {
    const value = { id, name: letters(random, 10), score: uniformInt(random, 10_000, 99_999), wins: id % 10, note: '' }
    value.note = letters(random, VALUE_BYTES - JSON.stringify(value).length)
    return value
  })
  return { objects, texts: objects.map((value) => flat(JSON.stringify(value))) }
}

function letters(random, count) {
  let text = ''
  for (let i = 0; i < count; i++) text += LETTERS[uniformInt(random, 0, LETTERS.length - 1)]
  return text
}

/** The index in the pool of the value that a key has in a loaded store. */
export function loadedValue(keyIndex) {
  return keyIndex % POOL_SIZE
}

/** The index in the pool of the value that write number `n` stores. It differs from that of the previous round. */
export function writtenValue(n) {
  return (n * 7 + 1) % POOL_SIZE
}

/** Every key once, in random order, so that concurrent writers never write the same key. */
export function shuffledOrder(keyCount, seed) {
  const random = xoroshiro128plus(seed + 1)
  const order = Int32Array.from({ length: keyCount }, (_, index) => index)
  for (let i = keyCount - 1; i > 0; i--) {
    const j = uniformInt(random, 0, i)
    const kept = order[i]
    order[i] = order[j]
    order[j] = kept
  }
  return order
}

export function uniformOrder(keyCount, seed) {
  const random = xoroshiro128plus(seed + 2)
  return Int32Array.from({ length: ORDER_LENGTH }, () => uniformInt(random, 0, keyCount - 1))
}

/** A few keys often and many rarely: rank r has a weight of 1/r^0.99, and ranks are assigned to keys at random. */
export function zipfianOrder(keyCount, seed) {
  const random = xoroshiro128plus(seed + 3)
  const keyOfRank = shuffledOrder(keyCount, seed + 4)
  const cumulative = new Float64Array(keyCount)
  let sum = 0
  for (let rank = 0; rank < keyCount; rank++) {
    sum += 1 / (rank + 1) ** ZIPF_EXPONENT
    cumulative[rank] = sum
  }
  return Int32Array.from({ length: ORDER_LENGTH }, () => {
    const point = (uniformInt(random, 0, 2 ** 31 - 1) / 2 ** 31) * sum
    let low = 0
    let high = keyCount - 1
    while (low < high) {
      const middle = (low + high) >> 1
      if (cumulative[middle] > point) high = middle
      else low = middle + 1
    }
    return keyOfRank[low]
  })
}
