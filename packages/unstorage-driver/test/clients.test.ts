import { UnstorageAdapter } from '@auth/unstorage-adapter'
import { createBlobStorage, defineCachedFunction, expireCache } from 'ocache'
import { describe, expect, it } from 'vitest'
import { advanceClock, majors, makeDriver, records, tempDir } from './helpers.js'

/** Runs published packages that use unstorage and do not depend on this driver. */

describe.each(majors)('@auth/unstorage-adapter on unstorage $major', ({ make }) => {
  it('keeps users, accounts, sessions and tokens through a restart', async () => {
    const base = tempDir()
    const driver = makeDriver({ base })
    const auth = UnstorageAdapter(make(driver) as never, { baseKeyPrefix: 'auth:' })
    const emailVerified = new Date('2025-01-15T13:00:00.000Z')
    const user = await auth.createUser?.({ id: '', name: 'Ada', email: 'ada@example.com', emailVerified })
    const userId = user?.id as string
    const account = { provider: 'github', providerAccountId: '42', type: 'oauth', userId } as const
    await auth.linkAccount?.(account)
    const expires = new Date('2125-01-15T13:00:00.000Z')
    await auth.createSession?.({ sessionToken: 'token', userId, expires })
    await auth.createVerificationToken?.({ identifier: 'ada@example.com', token: 't', expires })
    expect(records(base)).toContainEqual(
      expect.objectContaining({ key: `auth:user:${userId}`, value: expect.objectContaining({ name: 'Ada' }) }),
    )
    await driver.dispose()

    const again = UnstorageAdapter(make(makeDriver({ base })) as never, { baseKeyPrefix: 'auth:' })
    expect(await again.getUserByEmail?.('ada@example.com')).toEqual(user)
    expect(await again.getUserByAccount?.({ provider: 'github', providerAccountId: '42' })).toEqual(user)
    expect(await again.getSessionAndUser?.('token')).toEqual({
      session: { sessionToken: 'token', userId, expires },
      user,
    })
    expect(await again.useVerificationToken?.({ identifier: 'ada@example.com', token: 't' })).toMatchObject({ expires })
    expect(await again.useVerificationToken?.({ identifier: 'ada@example.com', token: 't' })).toBeNull()
    await again.deleteSession?.('token')
    expect(await again.getSessionAndUser?.('token')).toBeNull()
    await again.deleteUser?.(userId)
    expect(await again.getUser?.(userId)).toBeNull()
  })
})

describe.each(majors)('ocache on unstorage $major', ({ make }) => {
  it('caches results until they expire or are removed', async () => {
    const base = tempDir()
    const driver = makeDriver({ base })
    const storage = make(driver)
    const cache = {
      get: (key: string) => storage.getItem(key) as never,
      set: (key: string, value: unknown, options?: { ttl?: number }) => storage.setItem(key, value as object, options),
    }
    let calls = 0
    const options = { storage: cache as never, name: 'double', maxAge: 10, swr: false, getKey: String }
    const double = defineCachedFunction((n: number) => 2 * n + 0 * calls++, options)
    expect([await double(21), await double(21), await double(4)]).toEqual([42, 42, 8])
    expect(calls).toBe(2)
    // ocache does not wait for its writes.
    await (await driver.getInstance()).flush()
    const [written] = records(base)
    expect(written?.expires).toBeGreaterThan(Date.now())
    expect(written?.value).toMatchObject({ value: 42 })

    advanceClock(11_000)
    expect(await storage.getKeys()).toEqual([])
    expect(await double(21)).toBe(42)
    expect(calls).toBe(3)
    await expireCache({ options: options as never, args: [21] })
    expect(await double(21)).toBe(42)
    expect(calls).toBe(4)
  })

  it('stores its entries as bytes', async () => {
    const storage = make(makeDriver({ base: tempDir() }))
    const cache = createBlobStorage({
      get: (key) => storage.getItemRaw(key),
      set: (key, bytes, options) =>
        bytes === null ? storage.removeItem(key) : storage.setItemRaw(key, bytes, options ?? {}),
    })
    let calls = 0
    const options = { storage: cache, name: 'text', maxAge: 10, swr: false, getKey: String }
    const text = defineCachedFunction((n: number) => `${n}, ${++calls}`, options)
    expect([await text(1), await text(1), await text(2)]).toEqual(['1, 1', '1, 1', '2, 2'])
    const [key] = await storage.getKeys()
    expect(await storage.getItemRaw(key as string)).toBeInstanceOf(Buffer)
  })
})
