import { judgeTail, type SurveyLine, type TailToJudge, type Verdict } from '../support/core.js'

/**
 * Makes lines of a tail. They are 100 bytes long and follow a checkpoint of 1000 bytes, so the line at place n
 * (0 is the first) has the offset 1000 + 100 n and the number n + 2.
 */

export const LENGTH = 100
export const START = 1000

export type Made = (place: number) => SurveyLine

const at = (place: number) => ({ number: place + 2, offset: START + LENGTH * place, length: LENGTH })

/** A whole record. */
export function rec(seq: number, more: { synced?: number; crc?: string; ended?: boolean } = {}): Made {
  const { synced = 0, crc = `crc ${seq}`, ended = true } = more
  return (place) => ({ kind: 'record', ...at(place), ended, seq, synced, crc, key: `key ${seq}` })
}

export function bad(key?: string, ended = true): Made {
  return (place) => ({ kind: 'bad', ...at(place), ended, begun: false, key })
}

/** A record that was only written in part. */
export function begun(): Made {
  return (place) => ({ kind: 'bad', ...at(place), ended: false, begun: true, key: undefined })
}

export function judge(lines: Made[], more: Partial<TailToJudge> = {}): Verdict {
  const survey = lines.map((make, place) => make(place))
  return judgeTail({ survey, afterSeq: 0, markSeq: 0, sizeBytes: START + LENGTH * lines.length, ...more })
}
