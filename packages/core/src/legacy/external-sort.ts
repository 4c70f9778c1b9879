import type { Slices } from '../platform/clock.js'
import type { OpenFile } from '../platform/file-system.js'
import { SORT_BYTES, SORT_KEYS, SORT_RUNS } from '../platform/limits.js'
import type { FileRange } from './json-members.js'
import { merge } from './merge.js'
import type { SortFiles } from './sort-files.js'
import { SortMemory } from './sort-memory.js'
import { RunReader, RunWriter, type SortedSource } from './sort-run.js'

interface Run {
  readonly file: OpenFile
  readonly sizeBytes: number
  /** How many times its entries were merged. Older runs were merged at least as often as newer ones. */
  readonly level: number
}

/**
 * Puts keys in order of which there may be more than fit in memory, each with what was said of it last. What is too much
 * is written to files, each of them in order, and the files are merged.
 */
export class ExternalSort {
  readonly #memory = new SortMemory()
  /** Of the values that are not held. */
  #rangeBytes = 0
  /** The oldest first. */
  #runs: Run[] = []

  /** Without `files` everything stays in memory. */
  constructor(private readonly files: SortFiles | undefined) {}

  /** About how many bytes there are to be merged, and no fewer than the state has. */
  get sizeBytes(): number {
    return this.#runs.reduce((bytes, run) => bytes + run.sizeBytes, this.#memory.bytes + this.#rangeBytes)
  }

  /** There is too much in memory: `makeRoom` is to be called before much more is said. */
  get isFull(): boolean {
    return this.files !== undefined && this.#memory.bytes >= SORT_BYTES
  }

  set(key: string, value: Buffer | string, time: number | undefined): void {
    this.#memory.set(key, value, time)
  }

  /** A value that stays where it is. */
  setRange(key: string, { start, end }: FileRange, time: number | undefined): void {
    this.#memory.setRange(key, { range: { start, end }, time })
    this.#rangeBytes += end - start
  }

  delete(key: string): void {
    this.#memory.delete(key)
  }

  /** Nothing that was said before counts any more. */
  clear(): void {
    this.#memory.clear()
    this.#rangeBytes = 0
    for (const { file } of this.#runs.splice(0)) this.files?.remove(file)
  }

  async makeRoom(slices: Slices): Promise<void> {
    await this.#memory.compact(slices)
    if (this.isFull) await this.#spill(slices)
  }

  async #spill(slices: Slices): Promise<void> {
    this.#runs.push(await this.#write(await this.#memory.sorted(SORT_KEYS, slices), 0, slices))
    this.#memory.clear()
    for (;;) {
      const level = this.#runs.at(-1)?.level ?? 0
      const same = this.#runs.filter((run) => run.level === level)
      if (same.length < SORT_RUNS) return
      const merged = await this.#write(readersOf(same), level + 1, slices)
      this.#runs.splice(-same.length, same.length, merged)
      for (const { file } of same) this.files?.remove(file)
    }
  }

  async #write(sources: readonly SortedSource[], level: number, slices: Slices): Promise<Run> {
    if (!this.files) throw new Error('there are no files to spill to')
    const file = this.files.create()
    const writer = new RunWriter(file)
    for (const source of await merge(sources, slices)) {
      if (slices.isDue(writer.add(source.key, source.value()))) await slices.pause()
    }
    return { file, sizeBytes: writer.finish(), level }
  }

  /** All of it in pieces for `merge`, what was said last first. Nothing may be said until they were gone through. */
  async sources(slices: Slices): Promise<SortedSource[]> {
    return [...(await this.#memory.sorted(SORT_KEYS, slices)), ...readersOf(this.#runs)]
  }
}

function readersOf(runs: readonly Run[]): RunReader[] {
  return runs.map(({ file, sizeBytes }) => new RunReader(file, sizeBytes)).reverse()
}
