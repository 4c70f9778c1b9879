import { existsSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { openStore } from '@flatlog/core'
import { describe, expect, it } from 'vitest'
import { DRIVER_NAME, flatlogDriver } from '../src/index.js'
import { majors, makeDriver, records, tempDir } from './helpers.js'

describe('the factory', () => {
  it('makes, opens and locks nothing', async () => {
    const base = join(tempDir(), 'data')
    const driver = makeDriver({ base })
    for (const { make } of majors) make(driver)
    expect(existsSync(base)).toBe(false)
    await driver.dispose()
    expect(existsSync(base)).toBe(false)
  })

  it('takes what a framework writes as JSON, its own name for the driver included', async () => {
    const base = tempDir()
    const options = JSON.parse(JSON.stringify({ driver: '@flatlog/unstorage', base, name: 'cache', durability: 'os' }))
    const driver = makeDriver(options)
    expect(driver.name).toBe(DRIVER_NAME)
    expect(driver.options).toBe(options)
    await driver.setItem('k', 'v')
    expect(records(base, 'cache')).toHaveLength(1)
    expect(flatlogDriver().options).toEqual({})
  })

  it('takes the directory from the environment when the log is opened, where that is set', async () => {
    const [base, other] = [tempDir(), tempDir()]
    const variable = 'FLATLOG_TEST_BASE'
    const driver = makeDriver({ base, baseEnv: variable })
    try {
      process.env[variable] = other
      await driver.setItem('k', 'of the environment')
      expect(records(other)).toHaveLength(1)
      await driver.dispose()
      for (const unset of ['', undefined]) {
        if (unset === undefined) delete process.env[variable]
        else process.env[variable] = unset
        await driver.setItem(`k${unset}`, 'of the option')
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

  it('refuses a base that is no directory at the first use, by the name that it has here', async () => {
    for (const base of [5, '', null] as never[]) {
      await expect(makeDriver({ base }).getItem('k')).rejects.toMatchObject({
        code: 'FLATLOG_INVALID_OPTION',
        message: expect.stringMatching(/^\[unstorage\] \[flatlog\] The option base is /),
      })
    }
  })

  it('refuses a misspelt option at the first use', async () => {
    const driver = makeDriver({ base: tempDir(), durabilty: 'os' } as never)
    await expect(driver.getItem('k')).rejects.toThrow(/^\[unstorage\] \[flatlog\] Unknown option "durabilty"/)
  })

  it('gives methods that need no this', async () => {
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
  it('is tried again after it failed, and says whose failure it is', async () => {
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

  it('happens once for two drivers on one file', async () => {
    const base = tempDir()
    const one = makeDriver({ base })
    const two = makeDriver({ base })
    await Promise.all([one.setItem('a', '1'), two.setItem('b', '2')])
    expect(await one.getItem('b')).toBe('2')
    await one.dispose()
    await two.setItem('c', '3')
    expect(await two.getKeys()).toEqual(['a', 'b', 'c'])
  })

  it('joins a log that is open here by other means, which decide whether it keeps times', async () => {
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

  it('gives out the log behind it', async () => {
    const driver = makeDriver({ base: tempDir() })
    const log = await driver.getInstance()
    await driver.setItem('k', '{"score":1}')
    expect(log.get('k')).toEqual({ score: 1 })
  })
})

describe('the order of calls', () => {
  it('is the order in which they were made, also while the log opens', async () => {
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
  it('can be repeated, and the driver used again', async () => {
    const driver = makeDriver({ base: tempDir() })
    await driver.setItem('k', 'v')
    await Promise.all([driver.dispose(), driver.dispose()])
    await driver.dispose()
    expect(await driver.getItem('k')).toBe('v')
    await driver.dispose()
  })

  it('is not held up by an open that failed', async () => {
    const base = join(tempDir(), 'data')
    writeFileSync(base, '')
    const driver = makeDriver({ base })
    const write = driver.setItem('k', 'v')
    const end = driver.dispose()
    await expect(write).rejects.toThrow('[unstorage] [flatlog]')
    await expect(end).resolves.toBeUndefined()
  })
})
