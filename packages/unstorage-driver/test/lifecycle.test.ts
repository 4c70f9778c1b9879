import { existsSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { openStore } from '@flatlog/core'
import { describe, expect, it } from 'vitest'
import { DRIVER_NAME, flatlogDriver } from '../src/index.js'
import { majors, makeDriver, records, tempDir } from './helpers.js'

describe('the factory', () => {
  it('creates, opens and locks nothing', async () => {
    const base = join(tempDir(), 'data')
    const driver = makeDriver({ base })
    for (const { make } of majors) make(driver)
    expect(existsSync(base)).toBe(false)
    await driver.dispose()
    expect(existsSync(base)).toBe(false)
  })

  it('accepts options as a framework writes them to JSON, including the name of the driver', async () => {
    const base = tempDir()
    const options = JSON.parse(JSON.stringify({ driver: '@flatlog/unstorage', base, name: 'cache', durability: 'os' }))
    const driver = makeDriver(options)
    expect(driver.name).toBe(DRIVER_NAME)
    expect(driver.options).toBe(options)
    await driver.setItem('k', 'v')
    expect(records(base, 'cache')).toHaveLength(1)
    expect(flatlogDriver().options).toEqual({})
  })

  it('reads the directory from the environment when the log is opened', async () => {
    const [base, other] = [tempDir(), tempDir()]
    const variable = 'FLATLOG_TEST_BASE'
    const driver = makeDriver({ base, baseEnv: variable })
    try {
      process.env[variable] = other
      await driver.setItem('k', 'from the environment')
      expect(records(other)).toHaveLength(1)
      await driver.dispose()
      for (const unset of ['', undefined]) {
        if (unset === undefined) delete process.env[variable]
        else process.env[variable] = unset
        await driver.setItem(`k${unset}`, 'from the option')
        await driver.dispose()
      }
      expect(records(base)).toHaveLength(2)
    } finally {
      delete process.env[variable]
    }
    await expect(makeDriver({ base, baseEnv: 1 as never }).getKeys()).rejects.toMatchObject({
      code: 'FLATLOG_INVALID_OPTION',
    })
  })

  it.each([
    ['the default base', {}, '.data'],
    ['a relative base', { base: 'data' }, 'data'],
    ['a relative base from the environment', { base: 'data', baseEnv: 'FLATLOG_TEST_BASE' }, 'from-env'],
  ])('resolves %s in the working directory at its call', async (_name, options, dir) => {
    const before = process.cwd()
    const [first, second] = [tempDir(), tempDir()]
    process.env.FLATLOG_TEST_BASE = 'from-env'
    try {
      process.chdir(first)
      const driver = makeDriver(options)
      await driver.setItem('a', '1')
      await driver.dispose()
      process.chdir(second)
      await driver.setItem('b', '2')
      expect(await driver.getKeys()).toEqual(['a', 'b'])
      await driver.dispose()
    } finally {
      process.chdir(before)
      delete process.env.FLATLOG_TEST_BASE
    }
    expect(existsSync(join(first, dir))).toBe(true)
    expect(existsSync(join(second, dir))).toBe(false)
  })

  it('refuses an invalid base at the first use, and calls it base', async () => {
    for (const base of [5, '', null] as never[]) {
      await expect(makeDriver({ base }).getItem('k')).rejects.toMatchObject({
        code: 'FLATLOG_INVALID_OPTION',
        message: expect.stringMatching(/^\[unstorage\] \[flatlog\] The option base must be /),
      })
    }
  })

  it('refuses a misspelled option at the first use', async () => {
    const driver = makeDriver({ base: tempDir(), durabilty: 'os' } as never)
    await expect(driver.getItem('k')).rejects.toMatchObject({
      code: 'FLATLOG_INVALID_OPTION',
      message: expect.stringMatching(/^\[unstorage\] \[flatlog\] Unknown option "durabilty"/),
    })
  })

  it('returns methods that do not need this', async () => {
    const { setItem, getItem, getKeys, hasItem, removeItem, getMeta, clear } = makeDriver({ base: tempDir() })
    await setItem('k', 'v')
    expect(await getItem('k')).toBe('v')
    expect(await getKeys()).toEqual(['k'])
    expect(await hasItem('k')).toBe(true)
    expect(await getMeta('k')).toMatchObject({ size: expect.any(Number) })
    await removeItem('k')
    await clear()
  })
})

describe('opening', () => {
  it('is tried again after a failure, which is a driver error', async () => {
    const base = join(tempDir(), 'data')
    writeFileSync(base, 'a file where the directory should be')
    const driver = makeDriver({ base })
    const error = await driver.getItem('k').then(
      () => undefined,
      (reason: unknown) => reason,
    )
    expect(error).toMatchObject({
      message: expect.stringMatching(/^\[unstorage\] \[flatlog\] /),
      code: expect.stringMatching(/^FLATLOG_/),
      cause: { name: 'FlatlogError', code: (error as { code: string }).code },
    })
    rmSync(base)
    await driver.setItem('k', 'v')
    expect(await driver.getItem('k')).toBe('v')
  })

  it('is shared by two drivers on one log', async () => {
    const base = tempDir()
    const one = makeDriver({ base })
    const two = makeDriver({ base })
    await Promise.all([one.setItem('a', '1'), two.setItem('b', '2')])
    expect(await one.getItem('b')).toBe('2')
    await one.dispose()
    await two.setItem('c', '3')
    expect(await two.getKeys()).toEqual(['a', 'b', 'c'])
  })

  it('uses the setting of times with which the log is already open in this process', async () => {
    const base = tempDir()
    const log = await openStore({ dir: base, name: 'unstorage' })
    try {
      const driver = makeDriver({ base })
      await driver.setItem('k', '{"score":1}')
      expect(log.get('k')).toEqual({ score: 1 })
      expect(await driver.getMeta('k')).not.toHaveProperty('mtime')
      for (const options of [{ times: true }, { durability: 'os' as const }]) {
        await expect(makeDriver({ base, ...options }).getKeys()).rejects.toMatchObject({
          code: 'FLATLOG_OPTIONS_CONFLICT',
          message: expect.stringContaining(Object.keys(options)[0] as string),
        })
      }
    } finally {
      await log.close()
    }
  })

  it('reports only the options that differ if the log is already open in this process', async () => {
    const base = tempDir()
    await makeDriver({ base }).setItem('k', 'v')
    await expect(makeDriver({ base, durability: 'os' }).getKeys()).rejects.toMatchObject({
      code: 'FLATLOG_OPTIONS_CONFLICT',
      message: expect.stringContaining('other options: durability is "always" there and "os" here. What to do'),
    })
  })

  it('returns the core store', async () => {
    const driver = makeDriver({ base: tempDir() })
    const log = await driver.getInstance()
    await driver.setItem('k', '{"score":1}')
    expect(log.get('k')).toEqual({ score: 1 })
  })
})

describe('calls', () => {
  it('take effect in the order in which they were made, even while the log opens', async () => {
    const driver = makeDriver({ base: tempDir() })
    const answers = await Promise.all([
      driver.setItem('k', '1'),
      driver.getItem('k'),
      driver.setItemRaw('k', Buffer.from('2')),
      driver.getItemRaw('k'),
      driver.setItems([{ key: 'k', value: '3' }]),
      driver.getItems([{ key: 'k' }]),
      driver.removeItem('k'),
      driver.hasItem('k'),
      driver.setItem('k', '4'),
      driver.clear(),
      driver.getKeys(),
      driver.setItem('k', '5'),
      driver.dispose(),
      driver.getItem('k'),
    ])
    expect(answers).toEqual([
      undefined,
      '1',
      undefined,
      Buffer.from('2'),
      undefined,
      [{ key: 'k', value: '3' }],
      undefined,
      false,
      undefined,
      undefined,
      [],
      undefined,
      undefined,
      '5',
    ])
  })
})

describe('dispose', () => {
  it('may be called more than once, and the driver may be used again', async () => {
    const driver = makeDriver({ base: tempDir() })
    await driver.setItem('k', 'v')
    await Promise.all([driver.dispose(), driver.dispose()])
    await driver.dispose()
    expect(await driver.getItem('k')).toBe('v')
    await driver.dispose()
  })

  it('resolves even if the log could not be opened', async () => {
    const base = join(tempDir(), 'data')
    writeFileSync(base, '')
    const driver = makeDriver({ base })
    const write = driver.setItem('k', 'v')
    const disposed = driver.dispose()
    await expect(write).rejects.toThrow('[unstorage] [flatlog]')
    await expect(disposed).resolves.toBeUndefined()
  })
})
