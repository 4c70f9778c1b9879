import { Keyv as Keyv6 } from 'keyv6'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { type AnyKeyv, records, tempDir } from './helpers.js'

afterEach(() => {
  vi.doUnmock('keyv')
  vi.resetModules()
})

describe.each([5, 6])('createKeyvFlatlog with Keyv %i', (major) => {
  async function load() {
    if (major === 6) vi.doMock('keyv', () => import('keyv6'))
    vi.resetModules()
    return await import('../src/index.js')
  }

  it('creates a working Keyv of the installed version', async () => {
    const { createKeyvFlatlog } = await load()
    const dir = tempDir()
    const keyv = createKeyvFlatlog({ dir, name: 'bot', namespace: 'players' }) as unknown as AnyKeyv
    expect(keyv instanceof Keyv6).toBe(major === 6)
    expect(keyv.namespace).toBe('players')
    await keyv.set('k', 1, 60_000)
    expect(await keyv.get('k')).toBe(1)
    expect(records(dir, 'bot')).toMatchObject([{ key: 'players:k', value: 1 }])
    await keyv.disconnect()
  })

  it('passes a bare namespace to Keyv as well', async () => {
    const { createKeyvFlatlog } = await load()
    const dir = tempDir()
    const keyv = createKeyvFlatlog({ dir, bareNamespace: 'players' }) as unknown as AnyKeyv
    await keyv.set('k', 1)
    expect(keyv.namespace).toBe('players')
    expect(records(dir)).toMatchObject([{ key: 'k', value: 1 }])
    await keyv.disconnect()
  })

  it('accepts just a directory', async () => {
    const { createKeyvFlatlog } = await load()
    const dir = tempDir()
    const keyv = createKeyvFlatlog(dir) as unknown as AnyKeyv
    await keyv.set('k', 1)
    expect(records(dir)).toMatchObject([{ key: major === 5 ? 'keyv:k' : 'k' }])
    await keyv.disconnect()
  })
})
