import fc from 'fast-check'
import { fromBytes, fromText, fromValue, type ValueText } from '../support/core.js'

/** Keys and values that are easily confused in a file. */

const AWKWARD_KEYS = [
  '',
  'a',
  'aa',
  'ab',
  'a:',
  'a:1',
  'a:2',
  'b',
  'b:1',
  '__proto__',
  'constructor',
  '10',
  '9',
  '\ud800',
  '\udc00\ud800',
  '\u{1f600}',
  '\uffff',
  '\uffff\uffff',
  'x"a',
  'x\\',
  'x\\"a',
  '\n',
  '\u2028',
  'é',
  'éa',
  '日本',
  '日本:1',
  '","a":1',
] as const

export const KEYS: readonly string[] = [
  ...AWKWARD_KEYS,
  ...Array.from({ length: 20 }, (_, number) => `k${String(number).padStart(2, '0')}`),
]

export const anyKey = fc.constantFrom(...KEYS)
export const anyPrefix = fc.constantFrom(
  '',
  '',
  'a',
  'a:',
  'b',
  'k',
  'k0',
  'k1',
  'x',
  'é',
  '日',
  '\ud83d',
  '\uffff',
  'zz',
)

/**
 * Values that contain the spelling of other keys, in strings and in objects.
 * Some have more bytes than characters.
 */
const MAKERS: readonly ((number: number) => ValueText)[] = [
  (number) => fromValue('', number),
  (number) => fromValue('', { a: number, k: { b: [`"a":${number}`, ',"k00":1', { k01: number }] }, '': 1 }),
  (number) => fromValue('', `"a":${number},"k01":"x","":0}`),
  (number) => fromValue('', `\\","k00":${number},"é":"`),
  (number) => fromText('', `{"a":${number}, "k00":[1e400, -0 ],"__proto__":{"a":1},"k02":"\\u0041\\""}`),
  (number) => fromText('', `no JSON {"a":${number}\n é日本 \u{1f600}`),
  (number) => fromText('', `{"a":${number}}`, true),
  (number) => fromBytes('', Buffer.from(`bytes ${number}`)),
  (number) => fromValue('', `é日本\u{1f600}\ud800\uffff\u2028 ${number}`),
  (number) => fromValue('', ['x'.repeat(150), number]),
  (number) => fromValue('', ['é'.repeat(200), number]),
  () => fromValue('', ''),
]

export const anyValue: fc.Arbitrary<ValueText> = fc
  .tuple(fc.nat({ max: MAKERS.length - 1 }), fc.nat({ max: 99 }))
  .map(([maker, number]) => (MAKERS[maker] as (number: number) => ValueText)(number))

/** For `replace`, whose values have no encoding. */
export const anyJsonValue = anyValue.map(({ text }) => ({ text }))
