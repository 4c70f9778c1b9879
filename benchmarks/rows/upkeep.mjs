/** The rows for compaction, the size of the files, and listing. */

export function upkeepRows({ keys, compactKeys }) {
  const count = keys.toLocaleString('en')
  return [
    {
      id: 'stall',
      short: 'longest stall while compacting',
      title: `longest stall of the event loop while ${compactKeys.toLocaleString('en')} keys are compacted under writes`,
      family: 'core',
      work: 'stall',
      store: { keys: compactKeys, tail: Math.floor(compactKeys * 0.4) },
      openOptions: { durability: 'os' },
      needs: ['read', 'compaction'],
      main: { key: 'stallMs', unit: 'ms', isMoreBetter: false },
      columns: ['stallMs', 'stallWithoutMs', 'stallExtraMs', 'compactMs', 'setsPerSecond'],
      goal: { below: 10, key: 'stallExtraMs', label: 'ms above the same load without compaction' },
    },
    {
      id: 'size',
      short: 'log / live data at most',
      title: `log bytes / live data at most, while each of ${count} keys is overwritten 10 times`,
      family: 'core',
      work: 'overwrite',
      store: { keys, tail: 0, isEmpty: true },
      openOptions: { durability: 'os' },
      needs: ['ownCompaction'],
      main: { key: 'logPeak', unit: '× live data', isMoreBetter: false },
      columns: ['logPeak', 'logAfter', 'diskPeak', 'writtenRatio', 'perSecond', 'cpuMicros'],
      goal: { below: 2.5 },
    },
    {
      id: 'size-after',
      short: 'log / live data after compaction',
      title: 'log bytes / live data after that and a compaction',
      family: 'core',
      sameRunAs: 'size',
      main: { key: 'logAfter', unit: '× live data', isMoreBetter: false },
      columns: [],
      goal: { below: 1.2 },
    },
    {
      id: 'list',
      short: 'list keys by prefix',
      title: `list ${(keys / 10).toLocaleString('en')} of ${count} keys by prefix`,
      family: 'core',
      work: 'list',
      store: { keys, tail: 0 },
      needs: ['read'],
      main: { key: 'listMs', unit: 'ms', isMoreBetter: false },
      columns: ['listMs', 'listCpuMs'],
      goal: { below: 3 },
    },
  ]
}
