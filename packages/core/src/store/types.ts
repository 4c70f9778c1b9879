import type { WriteOptions } from './arguments.js'

/** Types of the public API. */

export interface Meta {
  /** Length of the value's text in UTF-8 bytes. */
  size: number
  /** Checksum and length of the value's text, so that it changes with the value. */
  etag: string
  /** Unix time in ms at which the key expires. */
  expires?: number
  /** Unix time in ms at which the value was written. Only with the store option `times`. */
  mtime?: number
}

/** A value as the log stores it. `expires`: Unix time in ms. */
export type StoredForm = { readonly expires: number | undefined } & (
  | { readonly encoding: 'json' | 'text'; readonly text: string }
  | { readonly encoding: 'base64'; readonly bytes: Uint8Array }
)

export interface TextOptions extends WriteOptions {
  /** Store the text as a string even if it is JSON. @default false */
  asText?: boolean
  /** The string to store if the text is not JSON. @default the text */
  otherwise?: string
}

/** One step of a batch. Give one of `value`, `text` and `bytes`. */
export type BatchOperation =
  | ({ op: 'SET'; key: string; expires?: number; ttlMs?: number } & (
      | { value: unknown }
      | { text: string; asText?: boolean; otherwise?: string }
      | { bytes: Uint8Array }
    ))
  | { op: 'DELETE'; key: string }

export interface ListOptions {
  /** Only keys that start with this string. @default '' */
  prefix?: string
  /** Only keys after this one, in key order. */
  after?: string
}
