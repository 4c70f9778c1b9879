// client.mjs <client> <keyv package> write <dir> <url>: writes until it is killed, and prints the number of each entry
// that the client has acknowledged.
// client.mjs <client> <keyv package> read <dir> <url> <numbers>: reads these entries, writes and reads two more, and
// prints the wrong ones.
import { writeSync } from 'node:fs'
import { isDeepStrictEqual } from 'node:util'
import { createKeyvFlatlog, KeyvFlatlog } from '@flatlog/keyv'
import { clients } from './clients.mjs'

const IN_FLIGHT = 4
const [client, keyvPackage, mode, dir, url, numbers] = process.argv.slice(2)

const { Keyv } = await import(keyvPackage)
const keyv =
  keyvPackage === 'keyv' ? createKeyvFlatlog(dir) : new Keyv({ store: new KeyvFlatlog(dir), namespace: 'keyv' })
keyv.on('error', (error) => {
  throw error
})
const { write, read } = clients[client](keyv, url)

if (mode === 'write') {
  let next = 0
  const loop = async () => {
    for (;;) {
      const n = next++
      await write(n)
      writeSync(1, `${n}\n`)
    }
  }
  await Promise.all(Array.from({ length: IN_FLIGHT }, loop))
} else {
  const wrong = []
  const check = async (n) => {
    const found = await read(n)
    if (!isDeepStrictEqual(found, { n, text: `entry ${n}` })) wrong.push({ n, found })
  }
  for (const n of JSON.parse(numbers)) await check(n)
  for (const n of [1_000_001, 1_000_002]) {
    await write(n)
    await check(n)
  }
  await keyv.disconnect()
  console.log(JSON.stringify({ wrong }))
}
