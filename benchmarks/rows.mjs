/**
 * The rows: which work, on which store, with which options, and what is aimed at. A goal with `ratio` is against the
 * best peer of the same run (or the one it names); one with `below` is a figure of its own.
 *
 * `store` says what is loaded before each run: how many keys, how many of them written again behind the checkpoint.
 */

const FASTER = { key: 'perSecond', label: 'operations/s', unit: 'a second', isMoreBetter: true }
const SMALL_CACHE_BYTES = 8 * 2 ** 20
const SET_COLUMNS = ['perSecond', 'wallMicros', 'cpuMicros', 'writtenRatio', 'diskRatio']
const GET_COLUMNS = ['perSecond', 'wallMicros', 'cpuMicros']

export const COLUMNS = {
  perSecond: 'operations/s',
  wallMicros: 'wall µs each',
  cpuMicros: 'CPU µs each',
  writtenRatio: 'bytes to disk / bytes set',
  diskRatio: 'all files / live data',
  openMs: 'open, ms',
  openCpuMs: 'CPU ms',
  memoryPerKey: 'memory, B a key',
  heapPerKey: 'of it in the heap, B a key',
  stallMs: 'longest stall, ms',
  stallWithoutMs: 'without compaction, ms',
  stallExtraMs: 'difference, ms',
  compactMs: 'compaction took, ms',
  setsPerSecond: 'sets/s meanwhile',
  logPeak: 'log / live data at most',
  logAfter: 'after compaction',
  diskPeak: 'all files / live data at most',
  listMs: 'ms a list',
  listCpuMs: 'CPU ms a list',
}

/** @param {import('./parent/settings.mjs').Sizes} sizes */
export function allRows(sizes) {
  return [...coreRows(sizes), ...millionRows(sizes), ...sizeRows(sizes), ...adapterRows(sizes)]
}

function coreRows({ keys }) {
  const store = { keys, tail: 0 }
  const set = { family: 'core', work: 'set', store, main: FASTER, columns: SET_COLUMNS }
  const os = { durability: 'os' }
  const fsync = { durability: 'fsync' }
  const get = {
    family: 'core',
    work: 'get',
    store,
    main: FASTER,
    columns: GET_COLUMNS,
    needs: ['read'],
    params: { isHot: true },
  }
  const count = keys.toLocaleString('en')
  return [
    {
      ...set,
      id: 'set-1',
      title: 'one set in flight, survives a process crash',
      openOptions: os,
      needs: ['ack'],
      goal: { ratio: 5 },
    },
    {
      ...set,
      id: 'set-1000',
      title: '1000 sets in flight, survives a process crash',
      openOptions: os,
      params: { inFlight: 1000 },
      needs: ['ack', 'manyInFlight'],
      goal: { ratio: 2 },
    },
    {
      ...set,
      id: 'set-1-fsync',
      title: 'one set in flight, fsync',
      openOptions: fsync,
      needs: ['ack', 'fsync'],
      goal: { ratio: 1 },
    },
    ...[
      [64, 2],
      [1000, 1.5],
    ].map(([inFlight, ratio]) => ({
      ...set,
      id: `set-${inFlight}-fsync`,
      title: `${inFlight} writers in flight, fsync`,
      openOptions: fsync,
      params: { inFlight },
      needs: ['ack', 'fsync', 'manyInFlight'],
      goal: { ratio },
    })),
    ...[64, 1000].map((batch) => ({
      ...set,
      id: `batch-${batch}-fsync`,
      title: `batches of ${batch}, fsync`,
      openOptions: fsync,
      params: { batch },
      needs: ['ack', 'fsync', 'batch'],
      goal: { ratio: 1.2 },
    })),
    { ...get, id: 'get', title: `random get, ${count} keys, hot, parsed values`, goal: { ratio: 2, against: 'lmdb' } },
    {
      ...get,
      id: 'get-text',
      title: `random get, ${count} keys, hot, as text`,
      as: 'text',
      goal: { ratio: 1, against: 'jsonl-db' },
    },
    {
      ...get,
      id: 'zipf',
      title: `zipfian get and set, 50/50, ${count} keys, survives a process crash`,
      work: 'mixed',
      columns: SET_COLUMNS,
      openOptions: os,
      needs: ['ack', 'read'],
      goal: { ratio: 4 },
    },
  ]
}

function millionRows({ manyKeys, tail, fullTail }) {
  const count = manyKeys.toLocaleString('en')
  const store = { keys: manyKeys, tail }
  const small = { family: 'core', store, openOptions: { cacheBytes: SMALL_CACHE_BYTES }, needs: ['read', 'million'] }
  const open = {
    ...small,
    work: 'open',
    openOptions: {},
    needsKeys: false,
    main: { key: 'openMs', label: 'ms', unit: 'ms', isMoreBetter: false },
    columns: ['openMs', 'openCpuMs', 'diskRatio'],
  }
  return [
    {
      ...small,
      id: 'get-1m',
      title: `random get, ${count} keys, cache of 8 MiB, parsed values`,
      work: 'get',
      needs: ['read', 'million', 'smallCache'],
      main: FASTER,
      columns: GET_COLUMNS,
      goal: { ratio: 1 },
    },
    {
      ...open,
      id: 'open-1m',
      title: `open ${count} keys of 100 B, ${tail.toLocaleString('en')} records behind the checkpoint`,
      goal: { below: 30 },
    },
    {
      ...open,
      id: 'open-1m-full-tail',
      title: `open the same with ${fullTail.toLocaleString('en')} records behind the checkpoint`,
      store: { keys: manyKeys, tail: fullTail },
      needs: ['read', 'million', 'fullTail'],
    },
    {
      ...small,
      id: 'memory-1m',
      title: `memory, ${count} keys, cache of 8 MiB`,
      work: 'memory',
      needsKeys: false,
      main: { key: 'memoryPerKey', label: 'B a key', unit: 'B a key', isMoreBetter: false },
      columns: ['memoryPerKey', 'heapPerKey'],
      goal: { below: 60 },
    },
  ]
}

function sizeRows({ keys, compactKeys }) {
  const count = keys.toLocaleString('en')
  return [
    {
      id: 'stall',
      title: `longest stall of the event loop while ${compactKeys.toLocaleString('en')} keys are compacted under writes`,
      family: 'core',
      work: 'stall',
      store: { keys: compactKeys, tail: Math.floor(compactKeys * 0.4) },
      openOptions: { durability: 'os' },
      needs: ['read', 'compaction'],
      main: { key: 'stallMs', label: 'ms', unit: 'ms', isMoreBetter: false },
      columns: ['stallMs', 'stallWithoutMs', 'stallExtraMs', 'compactMs', 'setsPerSecond'],
      goal: { below: 10, key: 'stallExtraMs', label: 'ms above the same load without compaction' },
    },
    {
      id: 'size',
      title: `log bytes / live data at most, while each of ${count} keys is overwritten 10 times`,
      family: 'core',
      work: 'overwrite',
      store: { keys, tail: 0, isEmpty: true },
      openOptions: { durability: 'os' },
      needs: ['ownCompaction'],
      main: { key: 'logPeak', label: '× live data', unit: '× live data', isMoreBetter: false },
      columns: ['logPeak', 'logAfter', 'diskPeak', 'writtenRatio', 'perSecond', 'cpuMicros'],
      goal: { below: 2.5 },
    },
    {
      id: 'size-after',
      title: 'log bytes / live data after that and a compaction',
      family: 'core',
      sameRunAs: 'size',
      main: { key: 'logAfter', label: '× live data', unit: '× live data', isMoreBetter: false },
      columns: [],
      goal: { below: 1.2 },
    },
    {
      id: 'list',
      title: `list ${(keys / 10).toLocaleString('en')} of ${count} keys by prefix`,
      family: 'core',
      work: 'list',
      store: { keys, tail: 0 },
      needs: ['read'],
      main: { key: 'listMs', label: 'ms', unit: 'ms', isMoreBetter: false },
      columns: ['listMs', 'listCpuMs'],
      goal: { below: 3 },
    },
  ]
}

function adapterRows({ keys, adapterKeys }) {
  const count = adapterKeys.toLocaleString('en')
  return ['keyv', 'unstorage'].flatMap((family) => {
    const label = family === 'keyv' ? 'Keyv' : 'unstorage'
    const row = { family, store: { keys: adapterKeys, tail: 0 }, main: FASTER }
    const set = { ...row, work: 'set', columns: SET_COLUMNS, needs: ['ack'], openOptions: { durability: 'os' } }
    const fsync = { openOptions: { durability: 'fsync' }, needs: ['ack', 'fsync'] }
    const inFlight = { params: { inFlight: 1000 } }
    const rows = [
      { ...set, id: `${family}-set-1`, title: `${label}: one set in flight, survives a process crash` },
      {
        ...set,
        ...inFlight,
        id: `${family}-set-1000`,
        title: `${label}: 1000 sets in flight, survives a process crash`,
        needs: ['ack', 'manyInFlight'],
      },
      { ...set, ...fsync, id: `${family}-set-1-fsync`, title: `${label}: one set in flight, fsync` },
      {
        ...set,
        ...fsync,
        ...inFlight,
        id: `${family}-set-1000-fsync`,
        title: `${label}: 1000 sets in flight, fsync`,
      },
      {
        ...row,
        id: `${family}-get`,
        title: `${label}: random get, ${count} keys`,
        work: 'get',
        params: { isHot: true },
        columns: GET_COLUMNS,
        needs: ['read'],
      },
    ]
    // Only one of the two has a call that lists.
    if (family === 'keyv') return rows
    const list = {
      family,
      id: 'unstorage-list',
      title: `unstorage: list ${(keys / 10).toLocaleString('en')} of ${keys.toLocaleString('en')} keys by base`,
      work: 'list',
      store: { keys, tail: 0 },
      main: { key: 'listMs', label: 'ms', unit: 'ms', isMoreBetter: false },
      columns: ['listMs', 'listCpuMs'],
      needs: ['read', 'list'],
    }
    return [...rows.filter(({ id }) => !id.endsWith('fsync')), list]
  })
}
