import { checksum } from '../format/checksum.js'
import { toBytes, toText, type ValueText } from '../format/value.js'
import { FlatlogError } from '../platform/errors.js'

/** Conditions of a write. */
export interface Conditions {
  /** Write only if the key's etag is this one; `'*'`: only if the key is there. */
  ifMatch?: string
  /** Write only if the key's etag is another; `'*'`: only if the key is not there. */
  ifNoneMatch?: string
}

/** The size and etag of a value, that is, of the bytes that `getBytes` returns. */
export function describeValue(value: ValueText, key: string): { size: number; etag: string } {
  const bytes = value.encoding === 'base64' ? toBytes(value, key) : Buffer.from(toText(value, key))
  return { size: bytes.length, etag: `${checksum(bytes)}-${bytes.length}` }
}

/** Throws FLATLOG_MISMATCH if the present value does not meet the conditions. */
export function checkConditions(
  key: string,
  lookUp: (key: string) => ValueText | undefined,
  { ifMatch, ifNoneMatch }: Conditions,
): void {
  if (ifMatch === undefined && ifNoneMatch === undefined) return
  const present = lookUp(key)
  const etag = present && describeValue(present, key).etag
  const isMet =
    (ifMatch === undefined || (ifMatch === '*' ? etag !== undefined : etag === ifMatch)) &&
    (ifNoneMatch === undefined || (ifNoneMatch === '*' ? etag === undefined : etag !== ifNoneMatch))
  if (isMet) return
  throw new FlatlogError(
    'FLATLOG_MISMATCH',
    `Key ${JSON.stringify(key)} ${etag === undefined ? 'is not there' : `has the etag ${etag}`}, which the condition of this ` +
      'write excludes. Nothing was written. What to do: read the key again and decide again.',
  )
}
