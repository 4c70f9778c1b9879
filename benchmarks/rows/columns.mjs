/** The figures of a row: which one it is compared by, which ones are printed, and how they are headed. */

export const FASTER = { key: 'perSecond', unit: 'a second', isMoreBetter: true }
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
