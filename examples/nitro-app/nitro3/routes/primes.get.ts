import { defineCachedHandler } from 'nitro/cache'
import { countPrimesBelow } from '../../app/primes'

export default defineCachedHandler(
  () => ({ below: 1_000_000, primes: countPrimesBelow(1_000_000), countedAt: new Date().toISOString() }),
  { name: 'primes', maxAge: 60, swr: false },
)
