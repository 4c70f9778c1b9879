/** `foo`, `foo:` and `/foo/` all mean the keys that begin with `foo:`; nothing means all keys. */
export function prefixOf(base: string | undefined): string {
  const normalized = (base ?? '').replace(/[/\\]/g, ':').replace(/:+/g, ':').replace(/^:|:$/g, '')
  return normalized === '' ? '' : `${normalized}:`
}

/** How many levels a key lies below the root of the driver, which is at level 0. */
export function depthOf(key: string): number {
  let depth = 0
  for (let at = key.indexOf(':'); at !== -1; at = key.indexOf(':', at + 1)) depth++
  return depth
}
