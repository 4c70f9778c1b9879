import { describe, expect, it } from 'vitest'
import type { TailToJudge, Verdict } from '../support/core.js'
import { bad, begun, judge, LENGTH, type Made, rec, START } from './survey-lines.js'

/**
 * Which tails are torn and which are damaged.
 * W is the highest record that is known to be on disk.
 */

/** A short form of the verdict, with places instead of offsets. */
function short(verdict: Verdict) {
  const placeOf = (offset: number) => (offset - START) / LENGTH
  return {
    kept: verdict.kept.map((line) => line.seq),
    cut: verdict.cut && placeOf(verdict.cut.offset),
    damaged: verdict.damaged.map(({ line, why }) => `${why} ${placeOf(line.offset)}`).sort(),
    missing: verdict.missing.map(({ from, to }) => (from === to ? `${from}` : `${from}-${to}`)),
    lastSeq: verdict.lastSeq,
    isDamaged: verdict.isDamaged,
  }
}

type Short = ReturnType<typeof short>

const WHOLE: Short = { kept: [1, 2, 3], cut: undefined, damaged: [], missing: [], lastSeq: 3, isDamaged: false }
const whole = [rec(1), rec(2), rec(3)]

const TABLE: [what: string, lines: Made[], expected: Short, more?: Partial<TailToJudge>][] = [
  ['a whole tail', whole, WHOLE],
  ['a whole tail, all known to be on disk', whole, WHOLE, { markSeq: 3 }],
  ['no records', [], { ...WHOLE, kept: [], lastSeq: 0 }],
  ['no records after a checkpoint', [], { ...WHOLE, kept: [], lastSeq: 7 }, { afterSeq: 7, markSeq: 7 }],

  // Above W: the torn tail.
  ['last line bad above W', [...whole, bad()], { ...WHOLE, cut: 3 }],
  ['last line bad, W is the one before it', [...whole, bad()], { ...WHOLE, cut: 3 }, { markSeq: 3 }],
  ['first line bad above W', [bad()], { ...WHOLE, kept: [], cut: 0, lastSeq: 0 }],
  ['several bad lines above W', [...whole, bad(), bad(), bad()], { ...WHOLE, cut: 3 }],
  [
    'bad above W with whole records after it: all of these are torn',
    [rec(1), bad(), rec(3), rec(4)],
    { ...WHOLE, kept: [1], cut: 1, lastSeq: 1 },
  ],
  ['a gap above W ends the log', [rec(1), rec(3), rec(4)], { ...WHOLE, kept: [1], cut: 1, lastSeq: 1 }],
  [
    'a gap above W after the record of the mark',
    [rec(1), rec(2), rec(4)],
    { ...WHOLE, kept: [1, 2], cut: 2, lastSeq: 2 },
    { markSeq: 2 },
  ],
  [
    'last line without its newline above W',
    [rec(1), rec(2), rec(3, { ended: false })],
    { ...WHOLE, kept: [1, 2], cut: 2, lastSeq: 2 },
  ],
  ['bad last line without a newline', [...whole, bad(undefined, false)], { ...WHOLE, cut: 3 }],
  [
    'the first record after the checkpoint is missing, above W',
    [rec(9), rec(10)],
    { ...WHOLE, kept: [], cut: 0, lastSeq: 7 },
    { afterSeq: 7, markSeq: 7 },
  ],

  // Up to W: damage, and the records after it are kept.
  [
    'bad below W, which the mark names',
    [rec(1), bad('key 2'), rec(3)],
    { ...WHOLE, kept: [1, 3], damaged: ['bad 1'], missing: ['2'], isDamaged: true },
    { markSeq: 3 },
  ],
  [
    'bad below W, which a later line names',
    [rec(1), bad(), rec(3, { synced: 2 })],
    { ...WHOLE, kept: [1, 3], damaged: ['bad 1'], missing: ['2'], isDamaged: true },
  ],
  [
    'bad exactly at W, at the end',
    [rec(1), rec(2), bad()],
    { ...WHOLE, kept: [1, 2], damaged: ['bad 2'], missing: ['3'], isDamaged: true },
    { markSeq: 3 },
  ],
  [
    'first line bad below W',
    [bad(), rec(2, { synced: 1 })],
    { ...WHOLE, kept: [2], damaged: ['bad 0'], missing: ['1'], lastSeq: 2, isDamaged: true },
  ],
  [
    'a gap below W',
    [rec(1), rec(4)],
    { ...WHOLE, kept: [1, 4], missing: ['2-3'], lastSeq: 4, isDamaged: true },
    { markSeq: 4 },
  ],
  [
    'a gap that ends exactly at W',
    [rec(1), rec(3)],
    { ...WHOLE, kept: [1, 3], missing: ['2'], isDamaged: true },
    { markSeq: 2 },
  ],
  [
    'several places below W',
    [rec(1), bad(), rec(3), rec(5), bad(), rec(7, { synced: 6 })],
    {
      ...WHOLE,
      kept: [1, 3, 5, 7],
      damaged: ['bad 1', 'bad 4'],
      missing: ['2', '4', '6'],
      lastSeq: 7,
      isDamaged: true,
    },
  ],
  [
    'the end is missing below the mark',
    [rec(1), rec(2)],
    { ...WHOLE, kept: [1, 2], missing: ['3-5'], lastSeq: 5, isDamaged: true },
    { markSeq: 5 },
  ],
  [
    'everything is missing below the mark',
    [],
    { ...WHOLE, kept: [], missing: ['8-9'], lastSeq: 9, isDamaged: true },
    { afterSeq: 7, markSeq: 9 },
  ],
  [
    'last line without its newline at W: kept, but damage',
    [rec(1), rec(2), rec(3, { ended: false })],
    { ...WHOLE, damaged: ['unended 2'], isDamaged: true },
    { markSeq: 3 },
  ],

  // Both.
  [
    'damage below W and a torn tail above it',
    [rec(1), bad(), rec(3, { synced: 2 }), bad()],
    { ...WHOLE, kept: [1, 3], cut: 3, damaged: ['bad 1'], missing: ['2'], isDamaged: true },
  ],
  [
    'a gap below W and one above it',
    [rec(1), rec(3, { synced: 2 }), rec(5)],
    { ...WHOLE, kept: [1, 3], cut: 2, missing: ['2'], isDamaged: true },
  ],

  // Doubled, moved and inserted lines.
  [
    'a doubled line counts once',
    [rec(1), rec(2), rec(2), rec(3)],
    { ...WHOLE, damaged: ['doubled 2'], isDamaged: true },
    { markSeq: 3 },
  ],
  ['a doubled line above W', [rec(1), rec(2), rec(2), rec(3)], { ...WHOLE, damaged: ['doubled 2'], isDamaged: true }],
  [
    'a line from before the checkpoint',
    [rec(7), rec(8)],
    { ...WHOLE, kept: [8], damaged: ['doubled 0'], lastSeq: 8, isDamaged: true },
    { afterSeq: 7 },
  ],
  [
    'several lines doubled',
    [...whole, ...whole],
    { ...WHOLE, damaged: ['doubled 3', 'doubled 4', 'doubled 5'], isDamaged: true },
    { markSeq: 3 },
  ],
  [
    'swapped lines are sorted',
    [rec(2), rec(1), rec(3)],
    { ...WHOLE, damaged: ['moved 1'], isDamaged: true },
    { markSeq: 3 },
  ],
  [
    'swapped lines above W, nothing missing',
    [rec(1), rec(3), rec(2)],
    { ...WHOLE, damaged: ['moved 2'], isDamaged: true },
  ],
  [
    'the whole tail in reverse',
    [rec(3, { synced: 2 }), rec(2), rec(1)],
    { ...WHOLE, damaged: ['moved 1', 'moved 2'], isDamaged: true },
  ],
  [
    'a conflict: the first of two counts',
    [rec(1), rec(2, { crc: 'first' }), rec(2, { crc: 'second' }), rec(3)],
    { ...WHOLE, damaged: ['conflict 2'], isDamaged: true },
    { markSeq: 3 },
  ],
  [
    'garbage between records below W: nothing is missing',
    [rec(1), rec(2), bad(), rec(3)],
    { ...WHOLE, damaged: ['bad 2'], isDamaged: true },
    { markSeq: 3 },
  ],
  [
    'garbage before all records below W',
    [bad(), ...whole],
    { ...WHOLE, damaged: ['bad 0'], isDamaged: true },
    { markSeq: 3 },
  ],
  [
    'lines swapped below W around a bad one: the records after it are on disk and kept',
    [rec(1), rec(4), bad(), rec(2), rec(3)],
    { ...WHOLE, kept: [1, 2, 3, 4], cut: 2, damaged: ['moved 3', 'moved 4'], lastSeq: 4, isDamaged: true },
    { markSeq: 4 },
  ],

  // More bytes than one crash can tear are damage wherever they are.
  [
    'a torn tail of the greatest length',
    [rec(1), bad(), rec(3)],
    { ...WHOLE, kept: [1], cut: 1, lastSeq: 1 },
    { maxTailRepairBytes: 200 },
  ],
  [
    'a longer tail: the readable records in it are kept',
    [rec(1), bad(), rec(3)],
    { ...WHOLE, kept: [1, 3], damaged: ['bad 1'], missing: ['2'], isDamaged: true },
    { maxTailRepairBytes: 199 },
  ],
  [
    'only garbage, longer than that',
    [...whole, bad(), bad()],
    { ...WHOLE, damaged: ['bad 3', 'bad 4'], isDamaged: true },
    { maxTailRepairBytes: 199 },
  ],
  [
    'one unfinished record, longer than that',
    [rec(1), begun()],
    { ...WHOLE, kept: [1], cut: 1, lastSeq: 1 },
    { maxTailRepairBytes: 99 },
  ],
  [
    'one unfinished record after another bad line',
    [rec(1), bad(), begun()],
    { ...WHOLE, kept: [1], damaged: ['bad 1', 'bad 2'], lastSeq: 1, isDamaged: true },
    { maxTailRepairBytes: 199 },
  ],
  [
    'a gap with more than that after it',
    [rec(1), rec(3), rec(4)],
    { ...WHOLE, kept: [1, 3, 4], missing: ['2'], lastSeq: 4, isDamaged: true },
    { maxTailRepairBytes: 150 },
  ],
]

describe('judging a tail', () => {
  it.each(TABLE)('%s', (_what, lines, expected, more) => {
    expect(short(judge(lines, more))).toEqual(expected)
  })

  it('cuts up to 16 MiB by default', () => {
    const limit = 16 * 1024 * 1024
    expect(judge([rec(1), bad()], { sizeBytes: START + LENGTH + limit }).cut).toBeDefined()
    expect(judge([rec(1), bad()], { sizeBytes: START + LENGTH + limit + 1 }).cut).toBeUndefined()
  })

  it('ends the log at a gap above W even if a later record comes first in the file', () => {
    // The file has 1 2 4, then a bad line, then 3. Above W no record after a missing one may be kept.
    const { kept, cut, missing } = short(judge([rec(1), rec(2), rec(4), bad(), rec(3)]))
    expect(kept).toEqual([1, 2])
    expect(cut).toBe(2)
    expect(missing).toEqual([])
  })
})

describe('the reported place', () => {
  it('of a bad line is the line', () => {
    const { missing } = judge([rec(1), bad('key 2'), rec(3)], { markSeq: 3 })
    expect(missing).toMatchObject([{ from: 2, to: 2, offset: 1100, number: 3, lines: [{ key: 'key 2' }] }])
  })

  it('of a missing line is where it would be', () => {
    const { missing } = judge([rec(1), rec(3)], { markSeq: 3 })
    expect(missing).toMatchObject([{ from: 2, to: 2, offset: 1100, number: 3, lines: [] }])
  })

  it('of a missing end is the end', () => {
    const { missing } = judge([rec(1), rec(2)], { markSeq: 4 })
    expect(missing).toMatchObject([{ from: 3, to: 4, offset: 1200, number: 4, lines: [] }])
  })

  it('of a torn tail is its first byte', () => {
    expect(judge([rec(1), bad()]).cut).toEqual({ offset: 1100, line: 3 })
  })

  it('of a gap has all bad lines in it', () => {
    const { missing } = judge([rec(1), bad('a'), bad('b'), rec(4)], { markSeq: 4 })
    expect(missing).toMatchObject([{ from: 2, to: 3, lines: [{ key: 'a' }, { key: 'b' }] }])
  })
})
