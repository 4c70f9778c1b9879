import { LIVE_BYTES } from '../child/data.mjs'

/** The figures of a stretch of equal operations, `writes` of which stored something. */
export function rateOf({ wallMs, cpuMs, writtenBytes }, operations, writes = 0) {
  return {
    perSecond: operations / (wallMs / 1000),
    wallMicros: (wallMs * 1000) / operations,
    cpuMicros: (cpuMs * 1000) / operations,
    ...(writes > 0 && writtenBytes !== undefined && { writtenRatio: writtenBytes / (writes * LIVE_BYTES) }),
  }
}
