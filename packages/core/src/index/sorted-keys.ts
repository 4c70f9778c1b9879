/**
 * Keys in order, with new ones put in when the order is asked for: adding is as cheap as a push, which is what
 * writing wants; a listing pays for what came since the last one. Keys stand in blocks, so that putting one in moves
 * a few hundred neighbours and not all that follow.
 */
const BLOCK_KEYS = 512

export class SortedKeys {
  #blocks: string[][] = []
  #added: string[] = []
  #count = 0

  /** The key must not be there yet. */
  add(key: string): void {
    this.#added.push(key)
  }

  /** Does nothing for a key that is not there. */
  remove(key: string): void {
    this.#putAddedIn()
    const position = this.#blockOf(key)
    const block = this.#blocks[position]
    const at = block ? firstNotBefore(block, key) : 0
    if (block?.[at] !== key) return
    block.splice(at, 1)
    this.#count--
    if (block.length === 0) this.#blocks.splice(position, 1)
  }

  /** The keys from the first that is not before `from`. Keys added while it runs may or may not come. */
  *from(from: string): Generator<string> {
    this.#putAddedIn()
    let block = this.#blockOf(from)
    let at = firstNotBefore(this.#blocks[block] ?? [], from)
    for (; block < this.#blocks.length; block++, at = 0) {
      const keys = this.#blocks[block] as string[]
      for (; at < keys.length; at++) yield keys[at] as string
    }
  }

  #putAddedIn(): void {
    const added = this.#added
    if (added.length === 0) return
    this.#added = []
    added.sort(byCodeUnit)
    if (added.length * 8 > this.#count) this.#rebuild(added)
    else for (const key of added) this.#insert(key)
    this.#count += added.length
  }

  #rebuild(added: string[]): void {
    const all: string[] = []
    let next = 0
    for (const block of this.#blocks) {
      for (const key of block) {
        while (next < added.length && (added[next] as string) < key) all.push(added[next++] as string)
        all.push(key)
      }
    }
    while (next < added.length) all.push(added[next++] as string)
    this.#blocks = []
    for (let at = 0; at < all.length; at += BLOCK_KEYS) this.#blocks.push(all.slice(at, at + BLOCK_KEYS))
  }

  #insert(key: string): void {
    const position = this.#blockOf(key)
    const block = this.#blocks[position]
    if (!block) {
      this.#blocks.push([key])
      return
    }
    block.splice(firstNotBefore(block, key), 0, key)
    if (block.length > BLOCK_KEYS * 2) this.#blocks.splice(position + 1, 0, block.splice(BLOCK_KEYS))
  }

  /** The first block whose last key is not before `key`, or the last block. */
  #blockOf(key: string): number {
    let low = 0
    let high = Math.max(0, this.#blocks.length - 1)
    while (low < high) {
      const middle = (low + high) >>> 1
      if ((this.#blocks[middle]?.at(-1) as string) < key) low = middle + 1
      else high = middle
    }
    return low
  }
}

function firstNotBefore(keys: readonly string[], key: string): number {
  let low = 0
  let high = keys.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if ((keys[middle] as string) < key) low = middle + 1
    else high = middle
  }
  return low
}

export function byCodeUnit(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}
