import { createServer, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Storage } from 'unstorage'
import { createStorageServer } from 'unstorage/server'
import { createStorageHandler } from 'unstorage2/server'
import { afterEach, describe, expect, it } from 'vitest'
import { majors, makeDriver, records, tempDir } from './helpers.js'

const cleanups: (() => Promise<void>)[] = []

afterEach(async () => {
  for (const cleanUp of cleanups.splice(0)) await cleanUp()
})

type Send = (method: string, path: string, init?: RequestInit) => Promise<Response>

/**
 * Serves a storage over HTTP.
 * unstorage 1 has a Node.js listener, unstorage 2 a function from Request to Response.
 */
async function serve(major: 1 | 2, storage: Storage): Promise<Send> {
  if (major === 2) {
    const handle = createStorageHandler(storage as never)
    return async (method, path, init) => handle(new Request(`http://storage.test${path}`, { method, ...init }))
  }
  const server = createServer(createStorageServer(storage).handle as RequestListener)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  cleanups.push(() => new Promise((resolve) => server.close(() => resolve())))
  const { port } = server.address() as AddressInfo
  return (method, path, init) =>
    fetch(`http://127.0.0.1:${port}${path}`, { method, ...init, headers: { connection: 'close', ...init?.headers } })
}

const octets = 'application/octet-stream'

describe.each(majors)('the HTTP server of unstorage $major with the driver', ({ major, make }) => {
  it('handles PUT, GET, HEAD and DELETE, and lists keys', async () => {
    const dir = tempDir()
    const send = await serve(major, make(makeDriver({ base: dir })))
    expect((await send('GET', '/users/1')).status).toBe(404)
    expect((await send('HEAD', '/users/1')).status).toBe(404)
    expect(await (await send('PUT', '/users/1', { body: '{"name":"Ada"}' })).text()).toBe('OK')
    expect(await (await send('PUT', '/users/1/notes', { body: 'plain' })).text()).toBe('OK')
    expect(records(dir)).toMatchObject([
      { key: 'users:1', value: { name: 'Ada' } },
      { key: 'users:1:notes', encoding: 'text', value: 'plain' },
    ])
    const got = await send('GET', '/users/1')
    expect(await got.json()).toEqual({ name: 'Ada' })
    expect(Date.parse(got.headers.get('last-modified') ?? '')).toBeLessThanOrEqual(Date.now())
    expect((await send('HEAD', '/users/1')).status).toBe(200)
    expect(await (await send('GET', '/users/')).json()).toEqual(['users/1', 'users/1/notes'])
    expect((await send('DELETE', '/users/1')).status).toBe(200)
    expect((await send('GET', '/users/1')).status).toBe(404)
    expect(await (await send('GET', '/users/1/notes')).text()).toBe('plain')
    expect((await send('PATCH', '/users/1')).status).toBe(405)
  })

  it('stores and returns bytes', async () => {
    const send = await serve(major, make(makeDriver({ base: tempDir() })))
    const bytes = new Uint8Array([0, 200, 255, 10])
    await send('PUT', '/image', { body: bytes, headers: { 'content-type': octets } })
    const got = await send('GET', '/image', { headers: { accept: octets } })
    expect(new Uint8Array(await got.arrayBuffer())).toEqual(bytes)
  })

  it('stores an item with a ttl, and returns the rest of it', async () => {
    const dir = tempDir()
    const send = await serve(major, make(makeDriver({ base: dir })))
    await send('PUT', '/session', { body: 'abc', headers: { 'x-ttl': '60' } })
    expect(records(dir)[0]?.expires).toBeGreaterThan(Date.now() + 50_000)
    const { headers } = await send('GET', '/session')
    expect(Number(headers.get('x-ttl'))).toBeGreaterThan(50)
    expect(headers.get('cache-control')).toBe(`max-age=${headers.get('x-ttl')}`)
  })

  it('clears a mount', async () => {
    const storage = make(makeDriver({ base: tempDir() })).mount('m', makeDriver({ base: tempDir() }))
    const send = await serve(major, storage)
    await send('PUT', '/m/a', { body: '1' })
    await send('PUT', '/b', { body: '2' })
    await send('DELETE', '/m/')
    expect(await storage.getKeys()).toEqual(['b'])
  })
})
