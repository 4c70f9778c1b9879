import { existsSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { openStore } from '@flatlog/core'
import { describe, expect, it, vi } from 'vitest'
import { KeyvFlatlog } from '../src/index.js'
import { keyv5, last, majors, makeStore, records, tempDir } from './helpers.js'

describe('opening', () => {
  it('happens at the first use', async () => {
    const dir = tempDir()
    const store = makeStore(join(dir, 'data'))
    keyv5.make(store)
    expect(existsSync(join(dir, 'data'))).toBe(false)
    await store.disconnect()
    expect(existsSync(join(dir, 'data'))).toBe(false)
  })

  it('accepts a directory, options, or no argument', async () => {
    expect(new KeyvFlatlog().opts).toEqual({ name: 'keyv' })
    expect(new KeyvFlatlog('data').opts).toEqual({ dir: 'data', name: 'keyv' })
    expect(() => new KeyvFlatlog(7 as never)).toThrow(/takes a directory/)
    const dir = tempDir()
    await makeStore({ dir, name: 'players', durability: 'os' }).set('k', '{"value":1}')
    expect(records(dir, 'players')).toHaveLength(1)
  })

  it.each([
    ['the default directory', {}, '.data'],
    ['a relative directory', { dir: 'data' }, 'data'],
  ])('of %s uses the working directory in which the store was created', async (_name, options, dir) => {
    const before = process.cwd()
    const [first, second] = [tempDir(), tempDir()]
    try {
      process.chdir(first)
      const store = makeStore(options)
      process.chdir(second)
      const write = store.set('k', '{"value":1}')
      process.chdir(before)
      await write
    } finally {
      process.chdir(before)
    }
    expect(records(join(first, dir))).toHaveLength(1)
    expect(existsSync(join(second, dir))).toBe(false)
  })

  it('refuses an invalid directory', async () => {
    for (const dir of [5, '', null] as never[]) {
      await expect(makeStore({ dir }).get('k')).rejects.toMatchObject({ code: 'FLATLOG_INVALID_OPTION' })
    }
  })

  it('is tried again after a failure', async () => {
    const dir = join(tempDir(), 'data')
    writeFileSync(dir, 'a file where the directory should be')
    const store = makeStore(dir)
    await expect(store.set('k', '{"value":1}')).rejects.toMatchObject({ name: 'FlatlogError' })
    await expect(store.get('k')).rejects.toMatchObject({ name: 'FlatlogError' })
    rmSync(dir)
    expect(await store.set('k', '{"value":1}')).toBe(true)
    expect(await store.get('k')).toBe('{"value":1}')
  })

  it('returns the core store', async () => {
    const dir = tempDir()
    const store = makeStore(dir)
    const log = await store.open()
    await store.set('k', '{"value":1}')
    expect(log.get('k')).toBe(1)
    expect(log.recovery.damage).toEqual([])
  })
})

describe('calls', () => {
  it('take effect in the order in which they were made, even while the log opens', async () => {
    const dir = tempDir()
    const store = makeStore(dir)
    const answers = Promise.all([
      store.set('k', '{"value":1}'),
      store.get('k'),
      store.setMany([{ key: 'k', value: '{"value":2}' }]),
      store.getMany(['k']),
      store.deleteMany(['k', 'k']),
      store.has('k'),
      store.set('k', '{"value":3}'),
      store.clear(),
      store.hasMany(['k']),
      store.set('k', '{"value":4}'),
      store.delete('k'),
      store.delete('k'),
      store.set('k', '{"value":5}'),
    ])
    expect(await answers).toEqual([
      true,
      '{"value":1}',
      [true],
      ['{"value":2}'],
      [true, false],
      false,
      true,
      undefined,
      [false],
      true,
      true,
      false,
      true,
    ])
    expect(await store.get('k')).toBe('{"value":5}')
    await store.disconnect()
    expect(await makeStore(dir).get('k')).toBe('{"value":5}')
  })

  it.each<[string, (store: KeyvFlatlog) => Promise<unknown>]>([
    ['delete', (store) => store.delete('k')],
    ['deleteMany', (store) => store.deleteMany(['k', 'l'])],
  ])('of %s that find no key wait for the writes before them', async (_name, again) => {
    const dir = tempDir()
    const store = makeStore(dir)
    await store.set('k', '{"value":1}')
    const deleted = store.delete('k')
    await again(store)
    expect(last(dir)).toMatchObject({ op: 'DELETE', key: 'k' })
    expect(await deleted).toBe(true)
  })
})

describe.each(majors)('disconnecting with Keyv $major', ({ make }) => {
  it('can be done more than once', async () => {
    const dir = tempDir()
    const keyv = make(makeStore(dir), { namespace: 'n' })
    await keyv.set('k', 1)
    await Promise.all([keyv.disconnect(), keyv.disconnect()])
    await keyv.disconnect()
    expect(await make(makeStore(dir), { namespace: 'n' }).get('k')).toBe(1)
  })

  it('makes later calls fail with FLATLOG_CLOSED', async () => {
    const store = makeStore(tempDir())
    const keyv = make(store)
    await keyv.set('k', 1)
    await keyv.disconnect()
    const errors: unknown[] = []
    keyv.on('error', (error) => errors.push(error))
    expect(await keyv.set('k', 2)).toBe(false)
    expect(await keyv.get('k')).toBeUndefined()
    expect(errors).toHaveLength(2)
    for (const error of errors) expect(error).toMatchObject({ code: 'FLATLOG_CLOSED' })
    await expect(store.getMany(['k'])).rejects.toThrow(/was disconnected/)
  })
})

describe('calls that are not awaited before a disconnect', () => {
  it('are completed', async () => {
    const dir = tempDir()
    const store = makeStore({ dir, durability: 'os' })
    const calls = [store.set('a', '{"value":1}'), store.set('b', '{"value":2}'), store.disconnect()]
    await Promise.all(calls)
    expect(await makeStore(dir).getMany(['a', 'b'])).toEqual(['{"value":1}', '{"value":2}'])
  })

  it('reject if the log cannot be opened, while disconnecting still resolves', async () => {
    const dir = join(tempDir(), 'data')
    writeFileSync(dir, '')
    const store = makeStore(dir)
    const write = store.set('a', '{"value":1}')
    const disconnected = store.disconnect()
    await expect(write).rejects.toMatchObject({ name: 'FlatlogError' })
    await expect(disconnected).resolves.toBeUndefined()
  })
})

describe.each(majors)('a background failure with Keyv $major', ({ make }) => {
  it('is emitted to listeners, and does not end the process if there are none', async () => {
    const dir = tempDir()
    const log = await openStore({ dir, name: 'keyv' })
    const report: { listener?: (error: unknown) => void } = {}
    vi.spyOn(Object.getPrototypeOf(log), 'on').mockImplementation((...call: unknown[]) => {
      report.listener = call[1] as (error: unknown) => void
      return () => {}
    })
    const keyv = make(makeStore(dir))
    await keyv.set('k', 1)
    vi.restoreAllMocks()
    const problem = new Error('compaction failed')
    expect(() => report.listener?.(problem)).not.toThrow()
    const errors: unknown[] = []
    keyv.on('error', (error) => errors.push(error))
    report.listener?.(problem)
    expect(errors).toEqual([problem])
    await log.close()
  })
})

describe.each(majors)('a thousand Keyv $major instances on one log', ({ make }) => {
  it('work without a warning', async () => {
    const dir = tempDir()
    const warnings: unknown[] = []
    const onWarning = (warning: Error) => warnings.push(warning)
    process.on('warning', onWarning)
    const consoleWarn = vi.spyOn(console, 'warn').mockImplementation((...args) => void warnings.push(args))
    const many = Array.from({ length: 1000 }, (_, i) =>
      make(makeStore({ dir, durability: 'os' }), { namespace: `n${i}` }),
    )
    await Promise.all(many.map((keyv, i) => keyv.set('k', i)))
    expect(await many[777]?.get('k')).toBe(777)
    const shared = makeStore({ dir, durability: 'os' })
    for (let i = 0; i < 50; i++) make(shared, { namespace: 'n777' })
    await new Promise(setImmediate)
    process.off('warning', onWarning)
    consoleWarn.mockRestore()
    expect(warnings).toEqual([])
    await Promise.all(many.map((keyv) => keyv.disconnect()))
    expect(await make(shared, { namespace: 'n777' }).get('k')).toBe(777)
  })
})
