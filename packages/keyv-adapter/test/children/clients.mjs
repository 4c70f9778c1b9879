// Functions with which each client writes and reads the nth entry. The clients get a Keyv and do not depend on Flatlog.
import { request } from 'node:http'
import { KeyvAdapter } from '@apollo/utils.keyvadapter'
import { createCache } from 'cache-manager'
import { Cacheable } from 'cacheable'
import CacheableRequest from 'cacheable-request'
import got from 'got'
import pMemoize from 'p-memoize'

const HOUR_S = 3600
const entry = (n) => ({ n, text: `entry ${n}` })

export const clients = {
  cacheable(keyv) {
    // The usual setup, with a cache in memory first. After a restart only the secondary store has the entries.
    const cache = new Cacheable({ secondary: keyv })
    return { write: (n) => cache.set(`k${n}`, entry(n), `${HOUR_S}s`), read: (n) => cache.get(`k${n}`) }
  },

  'cache-manager'(keyv) {
    const cache = createCache({ stores: [keyv], ttl: HOUR_S * 1000 })
    return { write: (n) => cache.set(`k${n}`, entry(n)), read: (n) => cache.get(`k${n}`) }
  },

  '@apollo/utils.keyvadapter'(keyv) {
    const cache = new KeyvAdapter(keyv)
    return {
      write: (n) => cache.set(`k${n}`, JSON.stringify(entry(n)), { ttl: HOUR_S }),
      read: async (n) => JSON.parse((await cache.get(`k${n}`)) ?? 'null'),
    }
  },

  'p-memoize'(keyv) {
    let isReading = false
    const memoized = pMemoize(async (n) => (isReading ? 'computed again' : entry(n)), {
      cache: keyv,
      cacheKey: ([n]) => `k${n}`,
    })
    return {
      write(n) {
        isReading = false
        return memoized(n)
      },
      read(n) {
        isReading = true
        return memoized(n)
      },
    }
  },

  got(keyv, url) {
    const get = (n) => got(`${url}/${n}`, { cache: keyv, retry: { limit: 0 } })
    return overHttp(keyv, url, async (n) => {
      const response = await get(n)
      return { isFromCache: response.isFromCache, body: response.body }
    })
  },

  'cacheable-request'(keyv, url) {
    const cached = new CacheableRequest(request, keyv).request()
    return overHttp(keyv, url, async (n) => {
      const response = await new Promise((resolve, reject) => {
        cached(`${url}/${n}`, resolve)
          .on('request', (each) => each.end())
          .on('error', reject)
      })
      const chunks = []
      for await (const chunk of response) chunks.push(chunk)
      return { isFromCache: response.fromCache, body: Buffer.concat(chunks).toString() }
    })
  },
}

/** These clients do not wait until the cache is written, so a hook of Keyv does. */
function overHttp(keyv, url, get) {
  const waiting = new Map()
  keyv.hooks.addHandler('postSet', ({ key }) => waiting.get(key.slice(key.lastIndexOf('/') + 1))?.())
  return {
    async write(n) {
      const stored = new Promise((resolve) => waiting.set(String(n), resolve))
      await Promise.all([get(n), stored])
      waiting.delete(String(n))
    },
    async read(n) {
      const { isFromCache, body } = await get(n)
      return isFromCache ? JSON.parse(body) : `requested ${url} again`
    },
  }
}
