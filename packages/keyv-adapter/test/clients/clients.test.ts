import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { killScriptAfter, runJsonScript } from '../children.js'
import { tempDir } from '../helpers.js'

/** How often each entry was requested from the server. */
const requests = new Map<string, number>()

/**
 * The server for the clients that cache HTTP responses.
 * Its responses may be cached for an hour.
 */
const server = createServer((request, response) => {
  const n = Number(request.url?.slice(1))
  requests.set(String(n), (requests.get(String(n)) ?? 0) + 1)
  response.setHeader('cache-control', 'max-age=3600')
  response.end(JSON.stringify({ n, text: `entry ${n}` }))
})
let url = ''

beforeAll(async () => {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
})

afterAll(async () => {
  server.closeAllConnections()
  await new Promise((resolve) => server.close(resolve))
})

const ENTRIES = 40

/**
 * All clients accept Keyv 5.
 * These accept any object with the same methods, so they also work with Keyv 6.
 */
const WITH_KEYV_6 = ['cache-manager', '@apollo/utils.keyvadapter', 'p-memoize']
const table = [
  ...['cacheable', ...WITH_KEYV_6, 'got', 'cacheable-request'].map((client) => ({ client, keyv: 'keyv' })),
  ...WITH_KEYV_6.map((client) => ({ client, keyv: 'keyv6' })),
]

describe.each(table)('$client on $keyv, killed with SIGKILL while it writes', ({ client, keyv }) => {
  it('still has every acknowledged entry after a restart, and keeps working', async () => {
    const dir = tempDir()
    const numbers = await killScriptAfter(ENTRIES, 'client.mjs', [client, keyv, 'write', dir, url])
    expect(numbers.length).toBeGreaterThanOrEqual(ENTRIES)
    const before = numbers.map((n) => requests.get(n))
    const args = [client, keyv, 'read', dir, url, JSON.stringify(numbers.map(Number))]
    expect(await runJsonScript('client.mjs', args)).toEqual({ wrong: [] })
    expect(numbers.map((n) => requests.get(n))).toEqual(before)
    requests.clear()
  })
})
