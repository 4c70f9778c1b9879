import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { bad, judge, rec } from './survey-lines.js'

/** Properties of the verdict on any lines. */

describe('judging any tail', () => {
  const anyLine = fc.oneof(
    {
      weight: 4,
      arbitrary: fc.tuple(fc.integer({ min: 1, max: 9 }), fc.nat({ max: 8 }), fc.constantFrom('a', 'a', 'b')),
    },
    { weight: 1, arbitrary: fc.constant('bad' as const) },
  )

  it('keeps all that was on disk, keeps nothing above that after a gap, and accounts for every line', () => {
    fc.assert(
      fc.property(
        fc.array(anyLine, { maxLength: 12 }),
        fc.nat({ max: 9 }),
        fc.nat({ max: 3 }),
        (chosen, markSeq, afterSeq) => {
          const lines = chosen.map((line) => {
            if (line === 'bad') return bad()
            const [seq, synced, crc] = line
            // A record can only name others as synced, never itself.
            return rec(seq, { synced: Math.min(synced, seq - 1), crc })
          })
          const survey = lines.map((make, place) => make(place))
          const verdict = judge(lines, { markSeq, afterSeq })
          const kept = verdict.kept.map((line) => line.seq)
          const records = survey.filter((line) => line.kind === 'record')
          const synced = Math.max(markSeq, ...records.map((line) => line.synced))

          expect(kept).toEqual([...new Set(kept)].sort((a, b) => a - b))
          const wasOnDisk = records.filter((line) => line.seq > afterSeq && line.seq <= synced)
          expect(kept).toEqual(expect.arrayContaining(wasOnDisk.map((line) => line.seq)))
          for (const seq of kept) if (seq - 1 > Math.max(synced, afterSeq)) expect(kept).toContain(seq - 1)
          for (const line of verdict.kept) {
            expect(line).toEqual(records.find((each) => each.seq === line.seq))
          }

          const missing = new Set(verdict.missing.flatMap(({ from, to }) => range(from, to)))
          expect(verdict.lastSeq).toBe(Math.max(afterSeq, synced, kept.at(-1) ?? 0))
          for (const seq of range(afterSeq + 1, verdict.lastSeq)) expect(missing.has(seq)).toBe(!kept.includes(seq))

          const { cut } = verdict
          for (const { line } of verdict.damaged)
            expect(cut === undefined || line.offset < cut.offset || (verdict.kept as unknown[]).includes(line)).toBe(
              true,
            )
          const inOrder = records.every((line, place) => line.seq === afterSeq + 1 + place)
          const isWhole = records.length === survey.length && inOrder && synced <= verdict.lastSeq
          if (!verdict.isDamaged && !cut) expect(isWhole).toBe(true)
          if (isWhole && markSeq <= afterSeq + records.length)
            expect(verdict).toMatchObject({ isDamaged: false, cut: undefined })
        },
      ),
      { numRuns: 2000 },
    )
  })
})

function range(from: number, to: number): number[] {
  return Array.from({ length: Math.max(0, to - from + 1) }, (_, index) => from + index)
}
