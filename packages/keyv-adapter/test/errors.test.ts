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

/**
 * The calls for which Keyv 5 rejects if its store does.
 * `getRaw` calls the store's `get`, so the store also emits.
 */
const REJECTED_BY_KEYV_5 = ['getMany', 'has', 'hasMany', 'getRaw', 'iterator']
const ANSWERS = { set: false, setMany: [false], delete: false, has: false, hasMany: [false], getMany: [undefined] }

/** A directory takes the place of the log, so the log cannot be opened. */
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

describe.each(Object.keys(calls))('a failed %s', (name) => {
  it('is emitted once by Keyv 6', async () => {
    const { events, rejections, answer } = await outcome(keyv6.make(makeStore(dir)), name)
    expect(events).toMatchObject([{ name: 'FlatlogError' }])
    expect(rejections).toEqual([])
    if (name in ANSWERS) expect(answer).toEqual(ANSWERS[name as keyof typeof ANSWERS])
  })

  it('rejects with Keyv 6 if it has no listeners', async () => {
    const { rejections } = await outcome(keyv6.make(makeStore(dir)), name, false)
    expect(rejections).toMatchObject([{ name: 'FlatlogError' }])
  })

  it('is emitted or rejects with Keyv 5, depending on the call', async () => {
    const { events, rejections } = await outcome(keyv5.make(makeStore(dir)), name)
    const isRejected = REJECTED_BY_KEYV_5.includes(name)
    expect(rejections).toMatchObject(isRejected ? [{ name: 'FlatlogError' }] : [])
    expect(events).toMatchObject(isRejected && name !== 'getRaw' ? [] : [{ name: 'FlatlogError' }])
  })

  it('does not end the process if Keyv 5 has no listeners', async () => {
    const { rejections } = await outcome(keyv5.make(makeStore(dir)), name, false)
    expect(rejections).toHaveLength(REJECTED_BY_KEYV_5.includes(name) ? 1 : 0)
  })
})

describe.each(majors)('a Keyv $major whose log could not be opened', ({ make }) => {
  it('works once the cause is removed', async () => {
    const keyv = make(makeStore(dir))
    keyv.on('error', () => {})
    expect(await keyv.set('k', 1)).toBe(false)
    rmSync(join(dir, 'logs'), { recursive: true })
    expect(await keyv.set('k', 1)).toBe(true)
    expect(await keyv.get('k')).toBe(1)
  })
})
