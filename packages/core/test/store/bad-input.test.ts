import { existsSync, readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { type BatchOperation, MAX_RECORD_BYTES, type Store, type StoreOptions } from '../support/core.js'
import { FaultyFileSystem } from '../support/faulty-file-system.js'
import { logPath } from '../support/files.js'
import { machine, openOn } from '../support/machine.js'
import { useRejectionWatch } from '../support/rejections.js'
import { useTempDirectory } from '../support/temp-directory.js'

const directory = useTempDirectory()
useRejectionWatch()

/** Matches a FlatlogError with this code whose message says what to do. */
function refusal(code: string, advice: RegExp = /What to do: /) {
  return expect.objectContaining({ name: 'FlatlogError', code, message: expect.stringMatching(advice) })
}

const asText = (each: unknown) => (typeof each === 'function' ? 'a function' : (JSON.stringify(each) ?? String(each)))

describe('store names', () => {
  const bad = [
    ...['', '.', '..', '.hidden', 'a/b', 'a\\b', '../a', 'a b', 'ä', 'a\0', 'a:', 'x'.repeat(101), 'ends.'],
    ...['a.log', 'a.log.backup.x', 'A.JSON', 'a.lock', 'a.mark', 'con', 'NUL', 'com1', 'lpt9.txt', 'aux.b'],
    ...[5, null, {}, ['a'], true],
  ]

  test.each(bad.map((name) => [asText(name).slice(0, 40), name] as const))('%s is refused', async (_, name) => {
    const dir = `${directory()}/data`
    await expect(openOn(machine(), { dir, name: name as string })).rejects.toEqual(refusal('FLATLOG_INVALID_NAME'))
    expect(existsSync(dir)).toBe(false)
  })

  test.each(['a', '-', '_', '0', 'a.b', 'A-1_b.c', 'x'.repeat(100), 'logs', 'console', 'jsonl'])(
    '%s is accepted',
    async (name) => {
      const dir = directory()
      await using store = await openOn(machine(), { dir, name })
      expect(store.name).toBe(name)
      expect(existsSync(logPath(dir, name))).toBe(true)
    },
  )

  test('refuses a name that differs only in case from an existing store', async () => {
    const dir = directory()
    await (await openOn(machine(), { dir, name: 'players' })).close()
    await expect(openOn(machine(), { dir, name: 'Players' })).rejects.toEqual(refusal('FLATLOG_INVALID_NAME'))
    expect(existsSync(logPath(dir, 'Players'))).toBe(false)
  })
})

describe('options', () => {
  const bad: Record<string, unknown>[] = [
    ...[{ durabilty: 'os' }, { ttl: 1 }, { durability: 'sometimes' }, { durability: null }, { dir: '' }, { dir: 5 }],
    ...[{ dir: 'a\0b' }, { syncIntervalMs: 0 }, { syncIntervalMs: 1.5 }, { syncIntervalMs: 3_600_001 }],
    ...[
      { syncIntervalMs: '5' },
      { syncIntervalMs: Number.NaN },
      { cacheBytes: -1 },
      { cacheBytes: Number.POSITIVE_INFINITY },
    ],
    ...[{ compaction: true }, { compaction: 5 }, { compaction: { minBytes: -1 } }, { compaction: { minBytes: '1' } }],
    ...[{ compaction: { growth: Number.POSITIVE_INFINITY } }, { compaction: { growth: -0.5 } }],
    ...[
      { backups: -1 },
      { backups: 1001 },
      { backups: 1.5 },
      { mainFile: 'always' },
      { mainFile: 1 },
      { recovery: 'none' },
    ],
    ...[{ times: 'yes' }, { readOnly: 1 }, { lockWaitMs: -1 }, { lockWaitMs: 3_600_001 }, { takeOver: 'yes' }],
    ...[{ onProgress: 'x' }],
  ]

  test.each(bad.map((options) => [asText(options), options] as const))('%s is refused', async (_, options) => {
    const dir = `${directory()}/data`
    const opened = openOn(machine(), { dir, ...options } as StoreOptions)
    await expect(opened).rejects.toEqual(refusal('FLATLOG_INVALID_OPTION'))
    await expect(opened).rejects.toThrow(Object.keys(options)[0])
    expect(existsSync(dir)).toBe(false)
  })

  test('refuses a misspelt compaction limit like any other misspelt option', async () => {
    const options = { compaction: { minByte: 5 } } as unknown as StoreOptions
    await expect(openOn(machine(), { dir: directory(), ...options })).rejects.toEqual(refusal('FLATLOG_INVALID_OPTION'))
  })

  test('refuses options that are not an object', async () => {
    for (const options of [null, 'data', 5]) {
      const opened = openOn(machine(), options as unknown as StoreOptions)
      await expect(opened).rejects.toEqual(refusal('FLATLOG_INVALID_OPTION'))
    }
  })
})

class WithJson {
  toJSON() {
    return 'x'
  }
}

function circle(): unknown {
  const value: Record<string, unknown> = {}
  value.inner = { list: [value] }
  return value
}

function deep(): unknown {
  let value: unknown = 1
  for (let depth = 0; depth < 200_000; depth++) value = [value]
  return value
}

describe('on an open store', () => {
  /** Makes an invalid call between valid writes, and expects only those in the log. */
  async function refused(attempt: (store: Store) => Promise<unknown> | unknown, code: string, advice?: RegExp) {
    const dir = directory()
    const system = machine({ fileSystem: new FaultyFileSystem() })
    const store = await openOn(system, { dir })
    await store.set('before', 1)
    const bytes = readFileSync(logPath(dir))
    const beside = store.set('beside', 1)
    await expect((async () => attempt(store))()).rejects.toEqual(refusal(code, advice))
    await beside
    await store.set('after', 1)
    expect([...store.keys()]).toEqual(['after', 'before', 'beside'])
    expect(store.stats()).toMatchObject({ lastSeq: 3 })
    await store.close()
    expect(readFileSync(logPath(dir)).subarray(0, bytes.length).equals(bytes)).toBe(true)
    await using again = await openOn(system, { dir })
    expect([...again.keys()]).toEqual(['after', 'before', 'beside'])
    expect(again.recovery.clean).toBe(true)
  }

  const values: [string, unknown, RegExp?][] = [
    ['undefined', undefined],
    ['a function', () => 1],
    ['a symbol', Symbol('x')],
    ['a BigInt', 5n],
    ['NaN', Number.NaN],
    ['an infinity', Number.NEGATIVE_INFINITY],
    ['a Map', new Map([['a', 1]])],
    ['a Set', new Set([1])],
    ['a Date', new Date(0)],
    ['a Buffer', Buffer.from('x'), /setBytes/],
    ['a Uint8Array', new Uint8Array(1)],
    ['an ArrayBuffer', new ArrayBuffer(1)],
    ['a RegExp', /x/],
    ['an Error', new Error('x')],
    ['a Promise', Promise.resolve(1)],
    ['a boxed string', Object('x')],
    ['an object with toJSON', new WithJson()],
    ['a circle', circle()],
    ['nesting that is too deep', deep()],
    ['an undefined in a list', { a: [1, undefined] }, /\["a"\]\[1\]/],
    ['a hole in a list', { a: new Array(2) }, /\["a"\]\[0\]/],
    ['NaN inside', { a: { 'b c': [0, Number.NaN] } }, /\["a"\]\["b c"\]\[1\]/],
    ['a Date inside', [{ at: new Date(0) }], /\[0\]\["at"\]/],
    [
      'a getter that throws',
      {
        get a() {
          throw new Error('no')
        },
      },
    ],
  ]

  test.each(values)('refuses the value %s and names its place', async (_, value, place) => {
    await refused((store) => store.set('the key', value), 'FLATLOG_INVALID_VALUE', place)
    await refused((store) => store.set('the key', value), 'FLATLOG_INVALID_VALUE', /"the key".*What to do/)
  })

  test('omits an undefined property, as JSON.stringify does', async () => {
    await using store = await openOn(machine(), { dir: directory() })
    await store.set('a', { here: 1, gone: undefined })
    expect(store.get('a')).toEqual({ here: 1 })
    expect(Object.keys(store.get('a') as object)).toEqual(['here'])
  })

  test.each([undefined, null, 5, {}, ['a'], Symbol('x')])('every method refuses the key %s', async (key) => {
    const wrong = key as string
    const attempts: ((store: Store) => unknown)[] = [
      (store) => store.set(wrong, 1),
      (store) => store.setText(wrong, 'x'),
      (store) => store.setBytes(wrong, Buffer.from('x')),
      (store) => store.delete(wrong),
      (store) => store.update(wrong, () => 1),
      (store) => store.batch([{ op: 'SET', key: wrong, value: 1 }]),
      (store) => store.batch([{ op: 'DELETE', key: wrong }]),
      (store) => store.get(wrong),
      (store) => store.has(wrong),
      (store) => store.getText(wrong),
      (store) => store.getBytes(wrong),
      (store) => store.getMeta(wrong),
      (store) => store.getMany(['a', wrong]),
    ]
    for (const attempt of attempts) await refused(attempt, 'FLATLOG_INVALID_KEY')
  })

  test('refuses text that is not a string and bytes that are not a Uint8Array', async () => {
    await refused((store) => store.setText('a', 5 as unknown as string), 'FLATLOG_INVALID_VALUE')
    await refused((store) => store.setBytes('a', 'x' as unknown as Uint8Array), 'FLATLOG_INVALID_VALUE')
    await refused((store) => store.setBytes('a', new ArrayBuffer(1) as unknown as Uint8Array), 'FLATLOG_INVALID_VALUE')
  })

  const writeOptions: Record<string, unknown>[] = [
    ...[{ ttlMs: 0 }, { ttlMs: -1 }, { ttlMs: Number.NaN }, { ttlMs: Number.POSITIVE_INFINITY }, { ttlMs: '5' }],
    ...[{ expires: Number.NaN }, { expires: -1 }, { expires: 1e16 }, { expires: '2030' }, { expires: new Date() }],
    ...[{ expires: 1, ttlMs: 1 }],
  ]

  test.each(writeOptions.map((each) => [asText(each), each] as const))(
    'the write option %s is refused',
    async (_, options) => {
      const why = Object.keys(options).length > 1 ? /both given.*What to do/ : /must be a .*What to do/
      await refused((store) => store.set('a', 1, options), 'FLATLOG_INVALID_OPTION', why)
      await refused((store) => store.update('a', () => 1, options), 'FLATLOG_INVALID_OPTION', why)
      const step = { op: 'SET', key: 'a', value: 1, ...options } as BatchOperation
      await refused((store) => store.batch([step]), 'FLATLOG_INVALID_OPTION', why)
    },
  )

  test.each(
    [null, 5, 'abc', [1, 2], new Set([1]), new Date(0), Buffer.from('x')].map((each) => [asText(each), each] as const),
  )('refuses replace(%s) and deletes nothing', async (_, data) => {
    await refused((store) => store.replace(data as unknown as Record<string, unknown>), 'FLATLOG_INVALID_VALUE')
  })

  test.each([null, 5, 'abc', { op: 'SET' }].map((each) => [asText(each), each] as const))(
    'refuses batch(%s)',
    async (_, operations) => {
      await refused((store) => store.batch(operations as unknown as BatchOperation[]), 'FLATLOG_INVALID_OPTION', /./)
    },
  )

  test('refuses a batch operation that is neither SET nor DELETE', async () => {
    const step = { op: 'REMOVE', key: 'a' } as unknown as BatchOperation
    await refused((store) => store.batch([step]), 'FLATLOG_INVALID_OPTION', /"REMOVE"/)
  })

  test('refuses a misspelt option of a method and suggests the right name', async () => {
    const meant = /^Unknown option ".*"\. Did you mean ".*"\? What to do: .* Known options: /
    await refused((store) => store.set('a', 1, { ttlMS: 5 } as object), 'FLATLOG_INVALID_OPTION', meant)
    await refused((store) => store.clear({ prefx: 'a' } as object), 'FLATLOG_INVALID_OPTION', meant)
    await refused(
      (store) => [...store.keys({ pre: 'a' } as object)],
      'FLATLOG_INVALID_OPTION',
      /Known options: prefix, after/,
    )
  })

  test('refuses an option that belongs to another method', async () => {
    const unknown = (name: string) => new RegExp(`^Unknown option "${name}"`)
    const attempts: [name: string, attempt: (store: Store) => unknown][] = [
      ['asText', (store) => store.set('a', 1, { asText: true } as object)],
      ['otherwise', (store) => store.set('a', 1, { otherwise: 'x' } as object)],
      ['asText', (store) => store.setBytes('a', Buffer.from('x'), { asText: true } as object)],
    ]
    for (const [name, attempt] of attempts) await refused(attempt, 'FLATLOG_INVALID_OPTION', unknown(name))
    const steps: [name: string, step: object][] = [
      ['ttlMs', { op: 'DELETE', key: 'before', ttlMs: 5 }],
      ['value', { op: 'DELETE', key: 'before', value: 1 }],
      ['value', { op: 'SET', key: 'a', value: 1, text: 'x' }],
      ['bytes', { op: 'SET', key: 'a', text: 'x', bytes: Buffer.from('x') }],
      ['value', { op: 'SET', key: 'a', value: 1, bytes: Buffer.from('x') }],
      ['asText', { op: 'SET', key: 'a', value: 1, asText: true }],
      ['ttlMS', { op: 'SET', key: 'a', value: 1, ttlMS: 5 }],
    ]
    for (const [name, step] of steps) {
      await refused((store) => store.batch([step as BatchOperation]), 'FLATLOG_INVALID_OPTION', unknown(name))
    }
  })

  test('refuses options of a method that are not an object', async () => {
    const wrong = 5 as unknown as object
    await refused((store) => store.set('a', 1, wrong), 'FLATLOG_INVALID_OPTION', /options of set must/)
    await refused((store) => store.setText('a', 'x', wrong), 'FLATLOG_INVALID_OPTION', /options of setText must/)
    await refused(
      (store) => store.setBytes('a', Buffer.from('x'), wrong),
      'FLATLOG_INVALID_OPTION',
      /options of setBytes must/,
    )
  })

  test('refuses a prefix or an after that is not a string', async () => {
    await refused((store) => store.clear({ prefix: 5 as unknown as string }), 'FLATLOG_INVALID_KEY', /prefix/i)
    await refused((store) => [...store.keys({ prefix: null as unknown as string })], 'FLATLOG_INVALID_KEY', /prefix/i)
    await refused((store) => [...store.keys({ after: 5 as unknown as string })], 'FLATLOG_INVALID_KEY')
  })

  test('refuses an invalid position and an unknown event', async () => {
    await refused(
      (store) => store.changes({ since: 'yesterday' }).next(),
      'FLATLOG_INVALID_OPTION',
      /must be the position of a change/,
    )
    await refused((store) => store.on('close' as 'problem', () => {}), 'FLATLOG_INVALID_OPTION', /event/)
  })

  test('refuses a record that is too long before encoding it', async () => {
    const tooLong = 'x'.repeat(MAX_RECORD_BYTES + 1)
    await refused((store) => store.set('a', tooLong), 'FLATLOG_TOO_LARGE')
    await refused((store) => store.setText('a', tooLong), 'FLATLOG_TOO_LARGE')
    await refused((store) => store.setBytes('a', Buffer.alloc((MAX_RECORD_BYTES / 4) * 3 + 1)), 'FLATLOG_TOO_LARGE')
    await refused((store) => store.set(tooLong, 1), 'FLATLOG_TOO_LARGE')
    const half = 'x'.repeat(MAX_RECORD_BYTES / 2)
    await refused((store) => store.set('a', [half, half]), 'FLATLOG_TOO_LARGE')
  })
})
