import { afterEach, describe, expect, test } from 'vitest'
import { type Store, withChecksum } from '../support/core.js'
import { useRejectionWatch } from '../support/rejections.js'
import { splitLines } from './lines.js'
import { MemoryDisk } from './memory-disk.js'
import { openAgain } from './opening.js'
import { LOG, MARK } from './subjects.js'

/**
 * A line with a valid checksum and an invalid value must affect only its own key.
 * Another program may write one.
 */

useRejectionWatch()

let store: Store | undefined

afterEach(() => store?.close())

/** A store with a few keys, and with this record as if another program had written it. */
async function withRecord(fields: string): Promise<{ disk: MemoryDisk; store: Store }> {
  const disk = new MemoryDisk()
  const first = await openAgain(disk, {})
  await first.batch(['a', 'z'].map((key) => ({ op: 'SET', key, value: key })))
  await first.close()
  const line = withChecksum(`{"timestamp":"2025-01-15T13:00:00.000Z","seq":2,${fields}`)
  disk.put(LOG, Buffer.concat([disk.bytesOf(LOG), Buffer.from(`${line}\n`)]))
  store = await openAgain(disk, {})
  return { disk, store }
}

const withValue = (value: string, encoding = '') => withRecord(`"op":"SET","key":"bad"${encoding},"value":${value}`)

const corrupt = { code: 'FLATLOG_CORRUPT', message: expect.stringMatching(/"bad".*What to do/s) }

/** Invalid values that can be copied between others and still read as one value. */
const DELIMITED = ['nope', '{"a":nope}', '[1,]', '1.2.3', '{"a" 1}']
const UNDELIMITED = ['', '{"a":', '"open', '1,"x":2', '}', ']', '{"a":"open}', '1 2', ',', ':', '{}}']

describe.each([...DELIMITED, ...UNDELIMITED])('the value %j', (value) => {
  test('is an error that names the key, and every other key is readable', async () => {
    const { store } = await withValue(value)
    expect(store.recovery.clean).toBe(true)
    expect(() => store.get('bad')).toThrow(expect.objectContaining(corrupt))
    expect(() => store.getMany(['a', 'bad'])).toThrow(expect.objectContaining(corrupt))
    expect([store.get('a'), store.get('z'), store.has('bad')]).toEqual(['a', 'z', true])
    expect([...store.keys()]).toEqual(['a', 'bad', 'z'])
    expect(() => [...store.entries()]).toThrow(expect.objectContaining(corrupt))
    expect([...store.entries({ after: 'bad' })]).toEqual([['z', 'z']])
    await expect(store.update('bad', () => 1)).rejects.toMatchObject(corrupt)
  })

  test('is gone once the key is set again', async () => {
    const { disk, store } = await withValue(value)
    await store.set('bad', 'good')
    await store.compact()
    await store.close()
    const again = await openAgain(disk, {})
    expect(Object.fromEntries(again.entries())).toEqual({ a: 'a', bad: 'good', z: 'z' })
    await again.close()
  })
})

describe('compacting', () => {
  test.each(DELIMITED)('copies %j unchanged', async (value) => {
    const { disk, store } = await withValue(value)
    await store.compact()
    await store.close()
    const again = await openAgain(disk, {})
    expect(() => again.get('bad')).toThrow(expect.objectContaining(corrupt))
    expect([...again.keys()]).toEqual(['a', 'bad', 'z'])
    await again.close()
  })

  test.each(UNDELIMITED)(
    'rejects for %j, which would read as something else in a checkpoint, and the log stays in use',
    async (value) => {
      const { disk, store } = await withValue(value)
      await expect(store.compact()).rejects.toMatchObject(corrupt)
      await store.set('b', 1)
      await store.delete('bad')
      await store.compact()
      await store.close()
      const again = await openAgain(disk, {})
      expect(Object.fromEntries(again.entries())).toEqual({ a: 'a', b: 1, z: 'z' })
      await again.close()
    },
  )
})

describe('a store that has to be repaired for another reason', () => {
  test.each(UNDELIMITED)('leaves out and reports %j, and keeps the log that had it', async (value) => {
    const { disk, store } = await withValue(value)
    await store.close()
    disk.put(LOG, Buffer.concat([Buffer.from('# a note\n'), disk.bytesOf(LOG)]))
    const damaged = disk.bytesOf(LOG)
    const again = await openAgain(disk, {})
    expect(Object.fromEntries(again.entries())).toEqual({ a: 'a', z: 'z' })
    expect(again.recovery).toMatchObject({ clean: false, inDoubt: ['bad'] })
    expect(again.recovery.notes.join('\n')).toContain('"bad"')
    expect(disk.paths.some((path) => disk.bytesOf(path).equals(damaged))).toBe(true)
    await again.close()
  })
})

describe('a value that does not match its encoding is an error', () => {
  test.each([
    ['text', '5'],
    ['text', '"a"b"'],
    ['text', '"a\\q"'],
    ['text', 'nope'],
    ['base64', '[1]'],
    ['base64', '"open'],
  ])('%s: %s', async (encoding, value) => {
    const { store } = await withValue(value, `,"encoding":"${encoding}"`)
    for (const read of ['get', 'getText', 'getBytes', 'getMeta'] as const) {
      if (read === 'get' && encoding === 'text' && value === '5') continue
      expect(() => store[read]('bad'), read).toThrow(expect.objectContaining(corrupt))
    }
    await expect(store.set('bad', 1, { ifMatch: '*' })).rejects.toMatchObject(corrupt)
    expect(store.get('a')).toBe('a')
  })
})

test('changes() rejects with the same error, and not with a raw one', async () => {
  const { disk, store } = await withValue('nope')
  const [header] = splitLines(disk.bytesOf(LOG))
  const { seq, crc } = JSON.parse(header?.bytes.toString() ?? '') as { seq: number; crc: string }
  const seen: unknown[] = []
  const follow = async () => {
    for await (const change of store.changes({ since: `${seq}:${crc}` })) seen.push(change)
  }
  await expect(follow()).rejects.toMatchObject(corrupt)
  expect(seen).toMatchObject([{ key: 'a' }, { key: 'z' }])
})

test('the line of a mark in the place of the log is neither a record nor a newer version', async () => {
  const { disk, store } = await withValue('1')
  await store.close()
  disk.put(LOG, disk.bytesOf(MARK))
  await expect(openAgain(disk, {})).rejects.toMatchObject({ code: 'FLATLOG_CORRUPT' })
})
