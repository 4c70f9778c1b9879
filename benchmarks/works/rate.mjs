import { LIVE_BYTES } from '../child/data.mjs'

/** Computes the figures per operation. `writes` is how many of the operations were writes. */
export function rateOf({ wallMs, cpuMs, writtenBytes }, operations, writes = 0) {
  return {
    perSecond: operations / (wallMs / 1000),
    wallMicros: (wallMs * 1000) / operations,
    cpuMicros: (cpuMs * 1000) / operations,
    ...(writes > 0 && writtenBytes !== undefined && { writtenRatio: writtenBytes / (writes * LIVE_BYTES) }),
  }
}
