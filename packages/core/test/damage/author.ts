import type { Store, StoreOptions } from '../support/core.js'
import { ManualClock } from '../support/manual-clock.js'
import type { Random } from '../support/random.js'
import { type MemoryDisk, memoryLockEnvironment } from './memory-disk.js'
import { NOW, openOnDisk, spell } from './opening.js'

/** The known value of one key. */
interface Entry {
  readonly encoding: 'json' | 'text' | 'base64'
  readonly text: string
  readonly expires: number | undefined
  readonly time: number
}

/** A state as a reader sees it, each value as one text. */
export type State = ReadonlyMap<string, string>

type Entries = Map<string, Entry>
type Change = (entries: Entries) => void

/**
 * Writes to a store and keeps its own account of each record and each state, without asking
 * the engine, so that the engine can be checked against it.
 */
export class Author {
  readonly clock = new ManualClock('2025-01-15T12:00:00.000Z')
  /** The change of each record. The first record has number 1; number 0 changes nothing. */
  readonly #changes: Change[] = [() => {}]
  readonly #entries: Entries[] = [new Map()]
  /** Every value that a key ever had. */
  readonly history = new Map<string, Set<string>>()
  #turn = 0
  #store!: Store

  constructor(
    private readonly disk: MemoryDisk,
    private readonly options: StoreOptions,
    private readonly boot: string,
  ) {}

  get lastSeq(): number {
    return this.#changes.length - 1
  }

  get truth(): State {
    return this.stateAt(this.lastSeq)
  }

  /** The state after a record, as seen at `NOW`. */
  stateAt(seq: number): State {
    return this.#seen(this.#entries[seq] as Entries)
  }

  /** The state at `from` without the lost keys, with only these records applied after it. */
  stateOf(from: number, lostKeys: ReadonlySet<string>, records: Iterable<number>): State {
    const entries = new Map([...(this.#entries[from] as Entries)].filter(([key]) => !lostKeys.has(key)))
    for (const seq of [...records].sort((a, b) => a - b)) this.#changes[seq]?.(entries)
    return this.#seen(entries)
  }

  #seen(entries: Entries): State {
    const state = new Map<string, string>()
    for (const [key, { encoding, text, expires, time }] of entries) {
      if (expires !== undefined && expires <= NOW) continue
      state.set(key, spell(encoding, text, expires, this.options.times ? time : undefined))
    }
    return state
  }

  #account(change: Change): void {
    const entries = new Map(this.#entries.at(-1))
    change(entries)
    this.#changes.push(change)
    this.#entries.push(entries)
    for (const [key, text] of this.#seen(entries)) {
      if (!this.history.has(key)) this.history.set(key, new Set())
      this.history.get(key)?.add(text)
    }
  }

  #entry(encoding: Entry['encoding'], text: string, expires?: number): Entry {
    return { encoding, text, expires, time: this.clock.now() }
  }

  async open(): Promise<void> {
    const processes = memoryLockEnvironment(this.boot)
    this.#store = await openOnDisk({ clock: this.clock, fileSystem: this.disk, processes }, this.options)
  }

  get keys(): string[] {
    return [...(this.#entries.at(-1) as Entries).keys()].sort()
  }

  async set(key: string, value: unknown, expires?: number): Promise<void> {
    this.clock.advance(7)
    await this.#store.set(key, value, expires === undefined ? {} : { expires })
    const entry = this.#entry('json', JSON.stringify(value), expires)
    this.#account((entries) => void entries.set(key, entry))
  }

  async setText(key: string, text: string): Promise<void> {
    this.clock.advance(7)
    await this.#store.setText(key, text, { asText: true })
    const entry = this.#entry('text', text)
    this.#account((entries) => void entries.set(key, entry))
  }

  async setBytes(key: string, text: string): Promise<void> {
    this.clock.advance(7)
    await this.#store.setBytes(key, Buffer.from(text))
    const entry = this.#entry('base64', text)
    this.#account((entries) => void entries.set(key, entry))
  }

  async delete(key: string): Promise<void> {
    this.clock.advance(7)
    if (!(await this.#store.delete(key))) throw new Error(`${key} was not there`)
    this.#account((entries) => void entries.delete(key))
  }

  async batch(set: Readonly<Record<string, unknown>>, remove: readonly string[]): Promise<void> {
    this.clock.advance(7)
    const sets = Object.entries(set)
    await this.#store.batch([
      ...sets.map(([key, value]) => ({ op: 'SET' as const, key, value })),
      ...remove.map((key) => ({ op: 'DELETE' as const, key })),
    ])
    const made = sets.map(([key, value]) => [key, this.#entry('json', JSON.stringify(value))] as const)
    this.#account((entries) => {
      for (const [key, entry] of made) entries.set(key, entry)
      for (const key of remove) entries.delete(key)
    })
  }

  async clear(prefix: string): Promise<void> {
    this.clock.advance(7)
    if (!this.keys.some((key) => key.startsWith(prefix))) throw new Error(`no key starts with ${prefix}`)
    await this.#store.clear({ prefix })
    this.#account((entries) => {
      for (const key of [...entries.keys()]) if (key.startsWith(prefix)) entries.delete(key)
    })
  }

  async replace(data: Readonly<Record<string, unknown>>): Promise<void> {
    this.clock.advance(7)
    await this.#store.replace(data)
    const made = Object.entries(data).map(([key, value]) => [key, this.#entry('json', JSON.stringify(value))] as const)
    this.#account((entries) => {
      entries.clear()
      for (const [key, entry] of made) entries.set(key, entry)
    })
  }

  /** Makes writes of every kind in turn, with values of every kind and expiries. */
  async some(random: Random, count: number): Promise<void> {
    for (let done = 0; done < count; done++) await this.#one(random, this.#turn++)
  }

  async #one(random: Random, turn: number): Promise<void> {
    const key = `${random.pick(['a', 'b', 'c', 'd'])}:${random.below(6)}`
    const value = { n: this.lastSeq, text: 'x'.repeat(random.below(40)) }
    const shortLived = this.keys.filter((each) => !each.endsWith('big'))
    switch ((turn * 5) % 12) {
      case 0:
      case 1:
        return shortLived.length ? this.delete(random.pick(shortLived)) : this.set(key, value)
      case 2: {
        const other = `${random.pick(['a', 'b'])}:${random.below(6)}`
        return this.batch({ [key]: value, [other]: [this.lastSeq] }, [`c:${random.below(6)}`, `d:${random.below(6)}`])
      }
      case 3: {
        const prefix = `${key[0]}:${key[2]}`
        return this.keys.some((each) => each.startsWith(prefix)) ? this.clear(prefix) : this.set(key, value)
      }
      case 4:
        return this.setText(key, `text "${this.lastSeq}"\n\u2028 ü`)
      case 5:
        return this.setBytes(key, `bytes ${this.lastSeq}`)
      case 6:
        return this.set(key, value, NOW + 1000 + random.below(1000))
      case 7:
        // By the time the files are opened again it has expired.
        return this.set(key, value, NOW - 1 - random.below(1000))
      default:
        return this.set(key, value)
    }
  }

  flush(): Promise<void> {
    return this.#store.flush()
  }

  async compact(): Promise<void> {
    this.clock.advance(1000)
    await this.#store.compact()
  }

  async close(): Promise<void> {
    await this.#store.close()
  }
}
