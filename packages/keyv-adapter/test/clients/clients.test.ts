import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { killedAfter, runChild } from '../children.js'
import { tempDir } from '../helpers.js'

/** What the clients that ask over HTTP ask for; it may be kept for an hour. */
const asked = new Map<string, number>()
const server = createServer((request, response) => {
  const n = Number(request.url?.slice(1))
  asked.set(String(n), (asked.get(String(n)) ?? 0) + 1)
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

/** The clients that bring Keyv 5 along take that; those that take whatever has its methods take Keyv 6 as well. */
const WITH_KEYV_6 = ['cache-manager', '@apollo/utils.keyvadapter', 'p-memoize']
const table = [
  ...['cacheable', ...WITH_KEYV_6, 'got', 'cacheable-request'].map((client) => ({ client, keyv: 'keyv' })),
  ...WITH_KEYV_6.map((client) => ({ client, keyv: 'keyv6' })),
]

describe.each(table)('$client on $keyv, killed with SIGKILL while it writes', ({ client, keyv }) => {
  it('has after the restart everything that it was told is kept, and goes on', async () => {
    const dir = tempDir()
    const numbers = await killedAfter(ENTRIES, 'client.mjs', [client, keyv, 'write', dir, url])
    expect(numbers.length).toBeGreaterThanOrEqual(ENTRIES)
    const before = numbers.map((n) => asked.get(n))
    const args = [client, keyv, 'read', dir, url, JSON.stringify(numbers.map(Number))]
    expect(await runChild('client.mjs', args)).toEqual({ wrong: [] })
    expect(numbers.map((n) => asked.get(n))).toEqual(before)
    asked.clear()
  })
})
