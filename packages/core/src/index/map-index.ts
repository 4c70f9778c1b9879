import type { DeleteOperation, Operation, SetOperation } from '../record/record.js'
import type { FrozenIndex, IndexedValue, KeyIndex, KeyRangeQuery, Undo } from './key-index.js'
import { Layer, type LayerValue, TOMBSTONE } from './layer.js'
import { byCodeUnit } from './sorted-keys.js'

/** The index as maps in memory, one for each layer. */
export class MapIndex implements KeyIndex {
  /** The newest first: the tail, at most one frozen tail, the checkpoint. */
  #layers: Layer[] = [new Layer(), new Layer()]
  /** Keys of the checkpoint that the tails have cleared; undefined until they are counted anew. */
  #clearedKeys: number | undefined

  get #tail(): Layer {
    return this.#layers[0] as Layer
  }

  get #checkpoint(): Layer {
    return this.#layers.at(-1) as Layer
  }

  get tailKeys(): number {
    return this.#layers.slice(0, -1).reduce((keys, layer) => keys + layer.keyCount, 0)
  }

  deadShare(nowMs: number): number {
    const checkpoint = this.#checkpoint
    if (checkpoint.keyCount === 0) return 0
    this.#clearedKeys ??= this.#countCleared()
    return Math.min(1, (this.#clearedKeys + checkpoint.expiredCount(nowMs)) / checkpoint.keyCount)
  }

  holdsExpired(nowMs: number): boolean {
    return this.#layers.some((layer) => layer.holdsExpired(nowMs))
  }

  /** Fills the lowest layer: what stands in the checkpoint. */
  addCheckpointed(key: string, value: IndexedValue): void {
    this.#layers.at(-1)?.put(key, value)
  }

  get(key: string, nowMs: number): IndexedValue | undefined {
    return lookUp(this.#layers, key, nowMs)
  }

  page(query: KeyRangeQuery, limit: number, nowMs: number): [string, IndexedValue][] {
    return pageOf(this.#layers, query, limit, nowMs)
  }

  apply(operation: Operation, seq: number, timeMs: number | undefined): Undo {
    const tail = this.#tail
    switch (operation.kind) {
      case 'set':
      case 'delete':
        return tail.put(operation.key, toLayerValue(operation, seq, timeMs))
      case 'clear':
        return this.#clear(operation.prefix)
      case 'replace': {
        const undoClear = this.#clear('')
        for (const [key, value] of operation.data) tail.put(key, { ...value, expires: undefined, seq, time: timeMs })
        // The clear put the layer's values away as a whole and brings them back as a whole.
        return undoClear
      }
      case 'batch': {
        const undos = operation.operations.map((each) => tail.put(each.key, toLayerValue(each, seq, timeMs)))
        return () => {
          for (const undo of undos.reverse()) undo()
        }
      }
    }
  }

  #clear(prefix: string): Undo {
    const isNew = !this.#tail.cleared.covers(prefix)
    const undo = this.#tail.clear(prefix)
    if (isNew && this.#clearedKeys !== undefined) this.#clearedKeys += this.#checkpoint.countFrom(prefix)
    return () => {
      undo()
      this.#clearedKeys = undefined
    }
  }

  /** What one prefix covers is not counted again for a longer one behind it. */
  #countCleared(): number {
    let count = 0
    let last: string | undefined
    for (const prefix of this.#layers
      .slice(0, -1)
      .flatMap((layer) => [...layer.cleared])
      .sort(byCodeUnit)) {
      if (last !== undefined && prefix.startsWith(last)) continue
      count += this.#checkpoint.countFrom(prefix)
      last = prefix
    }
    return count
  }

  freeze(): FrozenIndex {
    const frozen = this.#layers.slice()
    const tail = new Layer()
    this.#layers = [tail, ...frozen]
    return {
      page: (query, limit, nowMs) => pageOf(frozen, query, limit, nowMs),
      settle: (nowMs) => {
        const checkpoint = frozen.at(-1) as Layer
        for (const layer of frozen.slice(0, -1).reverse()) checkpoint.absorbAsLowest(layer)
        checkpoint.dropExpired(nowMs)
        this.#layers = [tail, checkpoint]
        this.#clearedKeys = undefined
      },
      thaw: () => {
        // What came since goes on top of what was frozen; undos that are out refer to `tail`, so it stays a layer.
        if (tail.keyCount === 0 && tail.cleared.size === 0) this.#layers = frozen
        else this.#layers = [tail, foldTails(frozen), frozen.at(-1) as Layer]
      },
    }
  }
}

/** Several tails whose records are all acknowledged, so that nothing in them is undone any more, become one. */
function foldTails(layers: readonly Layer[]): Layer {
  const [oldest, ...newer] = layers.slice(0, -1).reverse()
  for (const layer of newer) (oldest as Layer).absorb(layer)
  return oldest as Layer
}

function toLayerValue(operation: SetOperation | DeleteOperation, seq: number, time: number | undefined): LayerValue {
  if (operation.kind === 'delete') return TOMBSTONE
  const { text, encoding } = operation.value
  return { text, encoding, expires: operation.expires, seq, time }
}

/** The layers from the top: the first that names the key, or has cleared it, decides. */
function lookUp(layers: readonly Layer[], key: string, nowMs: number): IndexedValue | undefined {
  for (const layer of layers) {
    const value = layer.get(key)
    if (value !== undefined) return isThere(value, nowMs) ? value : undefined
    if (layer.cleared.covers(key)) return undefined
  }
  return undefined
}

function isThere(value: LayerValue, nowMs: number): value is IndexedValue {
  return value !== TOMBSTONE && (value.expires === undefined || value.expires > nowMs)
}

/** Merges the layers' keys and looks each up, so that a listing never disagrees with a lookup. */
function pageOf(
  layers: readonly Layer[],
  { prefix, after }: KeyRangeQuery,
  limit: number,
  nowMs: number,
): [string, IndexedValue][] {
  const from = after !== undefined && after >= prefix ? `${after}\0` : prefix
  const cursors = layers.map((layer) => layer.keysFrom(from))
  const heads = cursors.map((cursor) => cursor.next().value as string | undefined)
  const page: [string, IndexedValue][] = []
  while (page.length < limit) {
    let key: string | undefined
    for (const head of heads) if (head !== undefined && (key === undefined || head < key)) key = head
    if (key === undefined || !key.startsWith(prefix)) break
    heads.forEach((head, position) => {
      if (head === key) heads[position] = cursors[position]?.next().value as string | undefined
    })
    const value = lookUp(layers, key, nowMs)
    if (value) page.push([key, value])
  }
  return page
}
