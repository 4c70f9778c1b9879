/** The rows for Keyv and for unstorage, each with its own peers. */
import { FASTER, GET_COLUMNS, SET_COLUMNS } from './columns.mjs'

export function adapterRows({ keys, adapterKeys }) {
  const count = adapterKeys.toLocaleString('en')
  return ['keyv', 'unstorage'].flatMap((family) => {
    const label = family === 'keyv' ? 'Keyv' : 'unstorage'
    const row = { family, store: { keys: adapterKeys, tail: 0 }, main: FASTER }
    const set = { ...row, work: 'set', columns: SET_COLUMNS, needs: ['ack'], openOptions: { durability: 'os' } }
    const fsync = { openOptions: { durability: 'fsync' }, needs: ['ack', 'fsync'] }
    const inFlight = { params: { inFlight: 1000 } }
    const rows = [
      {
        ...set,
        id: `${family}-set-1`,
        short: `${label}: set, 1 in flight`,
        title: `${label}: one set in flight, survives a process crash`,
      },
      {
        ...set,
        ...inFlight,
        id: `${family}-set-1000`,
        short: `${label}: set, 1000 in flight`,
        title: `${label}: 1000 sets in flight, survives a process crash`,
        needs: ['ack', 'manyInFlight'],
      },
      {
        ...set,
        ...fsync,
        id: `${family}-set-1-fsync`,
        short: `${label}: set and fsync, 1 in flight`,
        title: `${label}: one set in flight, fsync`,
      },
      {
        ...set,
        ...fsync,
        ...inFlight,
        id: `${family}-set-1000-fsync`,
        short: `${label}: set and fsync, 1000 in flight`,
        title: `${label}: 1000 sets in flight, fsync`,
      },
      {
        ...row,
        id: `${family}-get`,
        short: `${label}: get`,
        title: `${label}: random get, ${count} keys`,
        work: 'get',
        params: { isHot: true },
        columns: GET_COLUMNS,
        needs: ['read'],
      },
    ]
    // Keyv cannot list keys by prefix.
    if (family === 'keyv') return rows
    const list = {
      family,
      id: 'unstorage-list',
      short: 'unstorage: list keys by base',
      title: `unstorage: list ${(keys / 10).toLocaleString('en')} of ${keys.toLocaleString('en')} keys by base`,
      work: 'list',
      store: { keys, tail: 0 },
      main: { key: 'listMs', unit: 'ms', isMoreBetter: false },
      columns: ['listMs', 'listCpuMs'],
      needs: ['read', 'list'],
    }
    return [...rows.filter(({ id }) => !id.endsWith('fsync')), list]
  })
}
