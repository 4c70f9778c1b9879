import { defineCachedEventHandler } from 'nitropack/runtime'
import { countPrimesBelow } from '../app/primes'

// Without swr, Nitro writes the result with a ttl, so the log removes it after it has expired.
export default defineCachedEventHandler(
  () => ({ below: 1_000_000, primes: countPrimesBelow(1_000_000), countedAt: new Date().toISOString() }),
  { name: 'primes', maxAge: 60, swr: false },
)
