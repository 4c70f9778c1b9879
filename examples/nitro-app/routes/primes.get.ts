import { defineCachedEventHandler } from 'nitropack/runtime'
import { countPrimesBelow } from '../app/primes'

// Without swr the entry ends when it is stale: it is written with a ttl, and the log forgets it by itself.
export default defineCachedEventHandler(
  () => ({ below: 1_000_000, primes: countPrimesBelow(1_000_000), countedAt: new Date().toISOString() }),
  { name: 'primes', maxAge: 60, swr: false },
)
