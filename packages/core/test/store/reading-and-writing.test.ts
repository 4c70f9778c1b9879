import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { logPath, recordsOf } from '../support/files.js'
import { machine, openOn } from '../support/machine.js'
import { useTempDirectory } from '../support/temp-directory.js'

const directory = useTempDirectory()

describe('get, set, has, getMany and size', () => {
  test('a value can be read at once, and after closing and opening again', async () => {
    const dir = directory()
    const store = await openOn(machine(), { dir })
    const done = store.set('user123', { score: 100, tags: ['a', 'b'] })
    expect(store.get('user123')).toEqual({ score: 100, tags: ['a', 'b'] })
    await done
    await store.close()

    await using again = await openOn(machine(), { dir })
    expect(again.get('user123')).toEqual({ score: 100, tags: ['a', 'b'] })
    expect(again.recovery).toMatchObject({ clean: true, cutBytes: 0, damage: [], inDoubt: [] })
  })

  test('a missing key has the value undefined and does not exist', async () => {
    await using store = await openOn(machine(), { dir: directory() })
    await store.set('null', null)
    await store.set('false', false)
    expect(store.get('nothing')).toBeUndefined()
    expect(store.has('nothing')).toBe(false)
    expect([store.get('null'), store.has('null')]).toEqual([null, true])
    expect([store.get('false'), store.has('false')]).toEqual([false, true])
    expect(store.getMany(['false', 'nothing', 'null', 'false'])).toEqual([false, undefined, null, false])
  })

  test('size counts exactly the keys that exist', async () => {
    const dir = directory()
    const store = await openOn(machine(), { dir })
    expect(store.size).toBe(0)
    await Promise.all(Array.from({ length: 600 }, (_, number) => store.set(`key ${number}`, number)))
    await Promise.all(Array.from({ length: 100 }, (_, number) => store.delete(`key ${number * 2}`)))
    await store.set('key 1', 'again')
    expect(store.size).toBe(500)
    await store.compact()
    await store.delete('key 1')
    expect(store.size).toBe(499)
    await store.close()
    await using again = await openOn(machine(), { dir })
    expect(again.size).toBe(499)
  })

  test('every get returns a new value, and set copies the value of the caller', async () => {
    await using store = await openOn(machine(), { dir: directory() })
    const given = { list: [1, 2], inner: { a: 1 } }
    const done = store.set('key', given)
    given.list.push(3)
    given.inner.a = 2
    await done
    const first = store.get<typeof given>('key')
    expect(first).toEqual({ list: [1, 2], inner: { a: 1 } })
    first?.list.push(4)
    for (const [, value] of store.entries<typeof given>()) value.inner.a = 5
    expect(store.get('key')).toEqual({ list: [1, 2], inner: { a: 1 } })
  })

  test('bytes are copied by setBytes and by getBytes', async () => {
    await using store = await openOn(machine(), { dir: directory() })
    const given = Buffer.from([1, 2, 3])
    const done = store.setBytes('key', given)
    given[0] = 9
    await done
    const taken = store.getBytes('key') as Uint8Array
    expect([...taken]).toEqual([1, 2, 3])
    taken[1] = 9
    expect([...(store.getBytes('key') as Uint8Array)]).toEqual([1, 2, 3])
    expect(taken.buffer.byteLength).toBe(3)
  })

  test('the recovery report is a copy', async () => {
    await using store = await openOn(machine(), { dir: directory() })
    store.recovery.notes.push('mine')
    expect(store.recovery.notes).toEqual([])
  })
})

describe('text and bytes', () => {
  const texts = [
    '',
    ' ',
    '{"b":1,"a":2}',
    ' {"a":1}',
    '{"a":1}\n',
    'plain',
    '"quoted"',
    '1e3',
    '-0',
    '\ufeff1',
    '[1, 2]',
  ]

  test('text is returned unchanged, also after compaction and reopening', async () => {
    const dir = directory()
    const store = await openOn(machine(), { dir })
    for (const [number, text] of texts.entries()) await store.setText(`t${number}`, text)
    const read = () => texts.map((_, number) => store.getText(`t${number}`))
    expect(read()).toEqual(texts)
    await store.compact()
    expect(read()).toEqual(texts)
    await store.close()
    await using again = await openOn(machine(), { dir })
    expect(texts.map((_, number) => again.getText(`t${number}`))).toEqual(texts)
  })

  test('text that is JSON is stored as JSON, other text as a string with its encoding', async () => {
    const dir = directory()
    await using store = await openOn(machine(), { dir })
    await store.setText('json', '{"10":1,"9":2}')
    await store.setText('text', 'hello')
    await store.setText('forced', '5', { asText: true })
    await store.setBytes('bytes', Buffer.from('hello'))
    const lines = readFileSync(logPath(dir), 'utf8').split('\n')
    expect(lines[1]).toContain('"key":"json","value":{"10":1,"9":2},"crc"')
    expect(lines[2]).toContain('"key":"text","encoding":"text","value":"hello","crc"')
    expect(lines[3]).toContain('"key":"forced","encoding":"text","value":"5","crc"')
    expect(lines[4]).toContain('"key":"bytes","encoding":"base64","value":"aGVsbG8=","crc"')
    expect(['json', 'text', 'forced', 'bytes', 'none'].map((key) => store.getEncoding(key))).toEqual([
      'json',
      'text',
      'text',
      'base64',
      undefined,
    ])
  })

  test('get, getText and getBytes read values of every kind as far as they can', async () => {
    await using store = await openOn(machine(), { dir: directory() })
    await store.set('value', { a: 1 })
    await store.setText('text', 'grüße')
    await store.setBytes('bytes', Buffer.from('grüße'))
    expect(store.getText('value')).toBe('{"a":1}')
    expect(Buffer.from(store.getBytes('value') as Uint8Array).toString()).toBe('{"a":1}')
    expect(store.get('text')).toBe('grüße')
    expect(Buffer.from(store.getBytes('text') as Uint8Array).toString()).toBe('grüße')
    expect(store.get('bytes')).toBeInstanceOf(Uint8Array)
    expect(store.getText('bytes')).toBe('grüße')
    expect([store.getText('no'), store.getBytes('no')]).toEqual([undefined, undefined])
  })
})

describe('delete', () => {
  test('returns whether the key existed, and it stays deleted after reopening and compaction', async () => {
    const dir = directory()
    const store = await openOn(machine(), { dir })
    await store.set('a', 1)
    await store.set('b', 2)
    await store.compact()
    expect(await store.delete('a')).toBe(true)
    expect(await store.delete('a')).toBe(false)
    expect([store.get('a'), store.has('a'), [...store.keys()]]).toEqual([undefined, false, ['b']])
    await store.close()

    const again = await openOn(machine(), { dir })
    expect([...again.keys()]).toEqual(['b'])
    await again.compact()
    expect([...again.keys()]).toEqual(['b'])
    await again.close()
    await using third = await openOn(machine(), { dir })
    expect([...third.keys()]).toEqual(['b'])
  })

  test('writes no record for a missing key', async () => {
    const dir = directory()
    await using store = await openOn(machine(), { dir })
    await store.set('a', 1)
    const before = readFileSync(logPath(dir))
    expect(await store.delete('b')).toBe(false)
    await store.flush()
    expect(readFileSync(logPath(dir)).equals(before)).toBe(true)
    expect(recordsOf(dir).map((record) => record.seq)).toEqual([1])
  })

  test('followed by a set leaves the new value', async () => {
    const dir = directory()
    const store = await openOn(machine(), { dir })
    const outcomes = await Promise.all([store.set('a', 1), store.delete('a'), store.set('a', 2), store.delete('a')])
    expect(outcomes).toEqual([undefined, true, undefined, true])
    await store.set('a', 3)
    await store.close()
    await using again = await openOn(machine(), { dir })
    expect(again.get('a')).toBe(3)
  })
})
