/** The rows for opening, memory and gets with a million keys and a small cache. */
import { FASTER, GET_COLUMNS } from './columns.mjs'

const SMALL_CACHE_BYTES = 8 * 2 ** 20

export function millionRows({ manyKeys, tail, fullTail }) {
  const count = manyKeys.toLocaleString('en')
  const store = { keys: manyKeys, tail }
  const small = { family: 'core', store, openOptions: { cacheBytes: SMALL_CACHE_BYTES } }
  const open = {
    ...small,
    work: 'open',
    needsKeys: false,
    main: { key: 'openMs', unit: 'ms', isMoreBetter: false },
    columns: ['openMs', 'openCpuMs', 'memoryPerKey', 'heapPerKey', 'diskRatio'],
  }
  return [
    {
      ...small,
      id: 'get-1m',
      short: `get, ${count} keys, small cache`,
      title: `random get, ${count} keys, cache of 8 MiB, parsed values`,
      work: 'get',
      needs: ['read', 'million', 'smallCache'],
      main: FASTER,
      columns: GET_COLUMNS,
      goal: { ratio: 1, against: 'classic-level' },
    },
    {
      ...open,
      id: 'open-1m',
      short: `open ${count} keys`,
      title: `open ${count} keys of 100 B, ${tail.toLocaleString('en')} records after the checkpoint`,
      needs: ['read', 'million'],
      goal: { below: 30 },
    },
    {
      ...open,
      id: 'open-1m-full-tail',
      short: `open ${count} keys, full tail`,
      title: `open the same with ${fullTail.toLocaleString('en')} records after the checkpoint`,
      store: { keys: manyKeys, tail: fullTail },
      needs: ['read', 'million', 'fullTail'],
    },
    {
      id: 'memory-1m',
      short: 'memory per key, small cache',
      title: `memory, ${count} keys, cache of 8 MiB, after ${(100_000).toLocaleString('en')} gets`,
      family: 'core',
      sameRunAs: 'open-1m',
      main: { key: 'memoryPerKey', unit: 'B per key', isMoreBetter: false },
      columns: [],
      goal: { below: 60 },
    },
  ]
}
