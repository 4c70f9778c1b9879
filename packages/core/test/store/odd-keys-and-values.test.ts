import { readFileSync } from 'node:fs'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { logPath } from '../support/files.js'
import { machine, openOn } from '../support/machine.js'
import { useTempDirectory } from '../support/temp-directory.js'

const directory = useTempDirectory()

const ODD_KEYS = [
  ...['', ' ', '__proto__', 'constructor', 'toString', 'hasOwnProperty', '0', '10', '-1', '1e3', 'a', 'a:b', 'a/b'],
  ...['..', '../../etc/passwd', 'CON', 'con', 'NUL.txt', 'key\nwith\r\nlines', '\u0000', '\u0085', '\u2028', '\u2029'],
  ...['\ufeff', 'ü', 'u\u0308', '\ud800', '\udc00', '\ud83d\ude00', '"', '\\', '\\"', '"crc":"00000000"}', '\uffff'],
  'k'.repeat(10_240),
]

const ODD_VALUES: unknown[] = [
  ...[null, true, false, 0, -1.5, 1e308, 5e-324, Number.MAX_SAFE_INTEGER, '', '\u2028\u2029\u0085\r\n\ufeff', '\ud800'],
  ...[
    [],
    {},
    [[]],
    [null],
    { '': '' },
    { constructor: 1, '10': 1, '9': 2 },
    '"crc":"00000000"}\n',
    'x'.repeat(100_000),
  ],
  JSON.parse('{"__proto__":{"polluted":true},"toString":1}'),
]

describe('odd keys', () => {
  test('work like any other key, also after compaction and reopening', async () => {
    const dir = directory()
    const store = await openOn(machine(), { dir })
    await Promise.all(ODD_KEYS.map((key, number) => store.set(key, number)))
    const inOrder = [...ODD_KEYS].sort()
    const check = (from: typeof store) => {
      expect(ODD_KEYS.map((key) => from.get(key))).toEqual(ODD_KEYS.map((_, number) => number))
      expect([...from.keys()]).toEqual(inOrder)
    }
    check(store)
    await store.compact()
    check(store)
    await store.close()
    const again = await openOn(machine(), { dir })
    check(again)
    for (const key of ODD_KEYS) expect(await again.delete(key)).toBe(true)
    expect(again.size).toBe(0)
    await again.close()
    expect(({} as Record<string, unknown>).polluted).toBeUndefined()
  })

  test('do not exist before they are set', async () => {
    await using store = await openOn(machine(), { dir: directory() })
    for (const key of ODD_KEYS) expect([store.get(key), store.has(key)]).toEqual([undefined, false])
  })

  test('work in replace, batch and update', async () => {
    const dir = directory()
    const store = await openOn(machine(), { dir })
    await store.replace(JSON.parse('{"__proto__":1,"constructor":2,"":3}') as Record<string, unknown>)
    await store.batch([{ op: 'SET', key: '\u2028', value: 4 }])
    await store.update<number>('__proto__', (old) => (old ?? 0) + 10)
    const expected = [
      ['', 3],
      ['__proto__', 11],
      ['constructor', 2],
      ['\u2028', 4],
    ]
    expect([...store.entries()]).toEqual(expected)
    await store.close()
    await using again = await openOn(machine(), { dir })
    expect([...again.entries()]).toEqual(expected)
  })
})

test('odd values are returned unchanged', async () => {
  const dir = directory()
  const store = await openOn(machine(), { dir })
  await Promise.all(ODD_VALUES.map((value, number) => store.set(`${number}`, value)))
  const read = (from: typeof store) => ODD_VALUES.map((_, number) => from.get(`${number}`))
  expect(read(store)).toEqual(ODD_VALUES)
  await store.compact()
  await store.close()
  await using again = await openOn(machine(), { dir })
  expect(read(again)).toEqual(ODD_VALUES)
  expect(Object.keys(again.get(`${ODD_VALUES.length - 1}`) as object)).toEqual(['__proto__', 'toString'])
})

test('only a newline byte ends a line: other line separators stay inside a value', async () => {
  const dir = directory()
  const store = await openOn(machine(), { dir })
  const hard = ['\u2028', '\u2029', '\u0085', '\r', '\r\n', '\n', '\u000b', '\u000c', '\ufeff', '\u0000']
  for (const each of hard) {
    await store.set(`key ${each}`, { [each]: each })
    await store.setText(`text ${each}`, `"${each}"`)
    await store.setText(`bare ${each}`, each)
  }
  const expected = [...store.entries()]
  for (const each of hard) expect(store.getText(`text ${each}`)).toBe(`"${each}"`)
  const bytes = readFileSync(logPath(dir))
  expect(bytes.includes('\u2028')).toBe(false)
  expect(bytes.includes('\u2029')).toBe(false)
  expect(bytes.includes('\r')).toBe(false)
  expect(bytes.toString().split('\n')).toHaveLength(hard.length * 3 + 2)
  await store.close()
  const again = await openOn(machine(), { dir })
  expect([...again.entries()]).toEqual(expected)
  await again.compact()
  await again.close()
  await using third = await openOn(machine(), { dir })
  expect([...third.entries()]).toEqual(expected)
  for (const each of hard) {
    expect([third.getText(`text ${each}`), third.getText(`bare ${each}`)]).toEqual([`"${each}"`, each])
  }
})

// fast-check prints the seed and the smallest failing case.
describe('any key and value', () => {
  const anyString = fc.string({ unit: fc.nat(0xffff).map((unit) => String.fromCharCode(unit)), maxLength: 20 })
  const key = fc.oneof(fc.constantFrom(...ODD_KEYS), anyString, fc.string({ unit: 'binary' }))
  const value = fc.oneof(
    fc.record({
      how: fc.constant('value' as const),
      given: fc.jsonValue({ maxDepth: 3 }).map((each) => JSON.parse(JSON.stringify(each)) as unknown),
    }),
    fc.record({ how: fc.constant('text' as const), given: fc.oneof(anyString, fc.json()) }),
    fc.record({ how: fc.constant('bytes' as const), given: fc.uint8Array() }),
  )

  test('is returned unchanged as value, text and bytes, also after reopening and compaction', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.tuple(key, value), { maxLength: 30 }), fc.boolean(), async (pairs, compacted) => {
        const dir = directory()
        const store = await openOn(machine(), { dir, durability: 'os', mainFile: false })
        const expected = new Map<string, unknown>()
        for (const [name, { how, given }] of pairs) {
          expected.set(name, given)
          if (how === 'value') store.set(name, given)
          else if (how === 'text') store.setText(name, given)
          else store.setBytes(name, given)
        }
        const lastOf = new Map(pairs)
        const read = (from: typeof store) =>
          [...lastOf].map(([name, { how }]) => [
            name,
            how === 'value' ? from.get(name) : how === 'text' ? from.getText(name) : from.getBytes(name),
          ])
        if (compacted) await store.compact()
        expect(read(store)).toEqual([...expected])
        await store.close()
        const again = await openOn(machine(), { dir, durability: 'os', mainFile: false })
        try {
          expect(again.recovery.clean).toBe(true)
          expect(read(again)).toEqual([...expected])
          expect([...again.keys()]).toEqual([...expected.keys()].sort())
        } finally {
          await again.close()
        }
      }),
      { numRuns: 60 },
    )
  })
})
