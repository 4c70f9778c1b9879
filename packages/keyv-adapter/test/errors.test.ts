import { mkdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { beforeEach, describe, expect, it } from 'vitest'
import { type AnyKeyv, keyv5, keyv6, majors, makeStore, tempDir } from './helpers.js'

const calls: Record<string, (keyv: AnyKeyv) => Promise<unknown>> = {
  get: (keyv) => keyv.get('k'),
  getMany: (keyv) => keyv.getMany(['k']),
  getRaw: (keyv) => keyv.getRaw('k'),
  set: (keyv) => keyv.set('k', 1),
  setMany: (keyv) => keyv.setMany([{ key: 'k', value: 1 }]),
  has: (keyv) => keyv.has('k'),
  hasMany: (keyv) => keyv.hasMany(['k']),
  delete: (keyv) => keyv.delete('k'),
  deleteMany: (keyv) => keyv.deleteMany(['k']),
  clear: (keyv) => keyv.clear(),
  iterator: async (keyv) => {
    for await (const _ of keyv.iterator());
  },
}

/** Where Keyv 5 lets a failure of its store through. `getRaw` reaches the store as `get` does, whose failures it swallows. */
const REJECTED_BY_KEYV_5 = ['getMany', 'has', 'hasMany', 'getRaw', 'iterator']
const ANSWERED = { set: false, setMany: [false], delete: false, has: false, hasMany: [false], getMany: [undefined] }

/** Where the log should be stands a directory, so that it cannot be opened. */
let dir = ''
beforeEach(() => {
  dir = tempDir()
  mkdirSync(join(dir, 'logs', 'keyv.log'), { recursive: true })
})

async function outcome(keyv: AnyKeyv, name: string, listens = true) {
  const events: unknown[] = []
  if (listens) keyv.on('error', (error) => events.push(error))
  const rejections: unknown[] = []
  const answer = await calls[name]?.(keyv).catch((error: unknown) => void rejections.push(error))
  return { events, rejections, answer }
}

describe.each(Object.keys(calls))('a failing %s', (name) => {
  it('is an event of Keyv 6, once', async () => {
    const { events, rejections, answer } = await outcome(keyv6.make(makeStore(dir)), name)
    expect(events).toMatchObject([{ name: 'FlatlogError' }])
    expect(rejections).toEqual([])
    if (name in ANSWERED) expect(answer).toEqual(ANSWERED[name as keyof typeof ANSWERED])
  })

  it('rejects with Keyv 6 where nobody listens', async () => {
    const { rejections } = await outcome(keyv6.make(makeStore(dir)), name, false)
    expect(rejections).toMatchObject([{ name: 'FlatlogError' }])
  })

  it('is an event or a rejection with Keyv 5, by its rule', async () => {
    const { events, rejections } = await outcome(keyv5.make(makeStore(dir)), name)
    const isRejected = REJECTED_BY_KEYV_5.includes(name)
    expect(rejections).toMatchObject(isRejected ? [{ name: 'FlatlogError' }] : [])
    expect(events).toMatchObject(isRejected && name !== 'getRaw' ? [] : [{ name: 'FlatlogError' }])
  })

  it('is nothing that ends the process where nobody listens to Keyv 5', async () => {
    const { rejections } = await outcome(keyv5.make(makeStore(dir)), name, false)
    expect(rejections).toHaveLength(REJECTED_BY_KEYV_5.includes(name) ? 1 : 0)
  })
})

describe.each(majors)('after the cause is gone with Keyv $major', ({ make }) => {
  it('the same Keyv works', async () => {
    const keyv = make(makeStore(dir))
    keyv.on('error', () => {})
    expect(await keyv.set('k', 1)).toBe(false)
    rmSync(join(dir, 'logs'), { recursive: true })
    expect(await keyv.set('k', 1)).toBe(true)
    expect(await keyv.get('k')).toBe(1)
  })
})
