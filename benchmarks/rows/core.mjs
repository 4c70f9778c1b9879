/** The rows for sets and gets with a hundred thousand keys. */
import { FASTER, GET_COLUMNS, SET_COLUMNS } from './columns.mjs'

export function coreRows({ keys }) {
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
      short: 'set, 1 in flight',
      title: 'one set in flight, survives a process crash',
      openOptions: os,
      needs: ['ack'],
      goal: { ratio: 5 },
    },
    {
      ...set,
      id: 'set-1000',
      short: 'set, 1000 in flight',
      title: '1000 sets in flight, survives a process crash',
      openOptions: os,
      params: { inFlight: 1000 },
      needs: ['ack', 'manyInFlight'],
      goal: { ratio: 2 },
    },
    {
      ...set,
      id: 'set-1-fsync',
      short: 'set and fsync, 1 in flight',
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
      short: `set and fsync, ${inFlight} in flight`,
      title: `${inFlight} writers in flight, fsync`,
      openOptions: fsync,
      params: { inFlight },
      needs: ['ack', 'fsync', 'manyInFlight'],
      goal: { ratio },
    })),
    ...[64, 1000].map((batch) => ({
      ...set,
      id: `batch-${batch}-fsync`,
      short: `batches of ${batch} and fsync`,
      title: `batches of ${batch}, fsync`,
      openOptions: fsync,
      params: { batch },
      needs: ['ack', 'fsync', 'batch'],
      goal: { ratio: 1.2 },
    })),
    {
      ...get,
      id: 'get',
      short: 'get, hot',
      title: `random get, ${count} keys, hot, parsed values`,
      goal: { ratio: 2, against: 'lmdb' },
    },
    {
      ...get,
      id: 'get-text',
      short: 'get as text, hot',
      title: `random get, ${count} keys, hot, as text`,
      as: 'text',
      goal: { ratio: 1, against: 'jsonl-db' },
    },
    {
      ...get,
      id: 'zipf',
      short: 'zipfian get and set',
      title: `zipfian get and set, 50/50, ${count} keys, survives a process crash`,
      work: 'mixed',
      columns: SET_COLUMNS,
      openOptions: os,
      needs: ['ack', 'read'],
      goal: { ratio: 4 },
    },
  ]
}
