/** The figures of the rows: which one is compared, which ones are printed, and their column headings. */

export const FASTER = { key: 'perSecond', unit: 'per second', isMoreBetter: true }
export const SET_COLUMNS = ['perSecond', 'wallMicros', 'cpuMicros', 'writtenRatio', 'diskRatio']
export const GET_COLUMNS = ['perSecond', 'wallMicros', 'cpuMicros']

export const COLUMNS = {
  perSecond: 'operations/s',
  wallMicros: 'wall µs each',
  cpuMicros: 'CPU µs each',
  writtenRatio: 'bytes to disk / bytes set',
  diskRatio: 'all files / live data',
  openMs: 'open, ms',
  openCpuMs: 'CPU ms',
  memoryPerKey: 'memory, B per key',
  heapPerKey: 'of it in the heap, B per key',
  stallMs: 'longest stall, ms',
  stallWithoutMs: 'without compaction, ms',
  stallExtraMs: 'difference, ms',
  compactMs: 'compaction took, ms',
  setsPerSecond: 'sets/s in the meantime',
  logPeak: 'log / live data at most',
  logAfter: 'after compaction',
  diskPeak: 'all files / live data at most',
  listMs: 'ms per list',
  listCpuMs: 'CPU ms per list',
}
