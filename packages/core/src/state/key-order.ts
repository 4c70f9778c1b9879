/** Keys are in the order of their UTF-16 code units, as `<` compares strings. */
export function byCodeUnit(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}

/** The first key after all keys that start with the prefix, or undefined if there is none. */
export function endOfPrefix(prefix: string): string | undefined {
  for (let length = prefix.length; length > 0; length--) {
    const last = prefix.charCodeAt(length - 1)
    if (last < 0xffff) return prefix.slice(0, length - 1) + String.fromCharCode(last + 1)
  }
  return undefined
}

/** Binary search: how many of `length` items in order pass the test, which no item after the first failure does. */
export function countWhile(length: number, passes: (at: number) => boolean): number {
  let low = 0
  let high = length
  while (low < high) {
    const middle = (low + high) >>> 1
    if (passes(middle)) low = middle + 1
    else high = middle
  }
  return low
}

/** Long work over all keys takes so many at a time. */
export const PAGE_KEYS = 256

/** Lists page by page: each page begins after the last key of the one before. The last page is empty. */
export function* pagesOf<T extends string | readonly [key: string, value: unknown]>(
  pageAfter: (after: string | undefined) => readonly T[],
  after?: string,
): Generator<readonly T[]> {
  let last = after
  for (;;) {
    const page = pageAfter(last)
    const end = page.at(-1)
    if (end === undefined) return
    yield page
    last = typeof end === 'string' ? end : end[0]
  }
}
