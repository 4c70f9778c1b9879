import type { WriteOptions } from './arguments.js'

/** Shapes of the public API. */

export interface Meta {
  /** Bytes of the value's text in UTF-8. */
  size: number
  /** Checksum and length of the value's text: another value has another etag. */
  etag: string
  /** Unix time in ms at which the key is gone. */
  expires?: number
  /** Unix ms when the value was written; only with the store option `times`. */
  mtime?: number
}

/** A value as it stands in the log. `expires`: Unix ms. */
export type StoredForm = { readonly expires: number | undefined } & (
  | { readonly encoding: 'json' | 'text'; readonly text: string }
  | { readonly encoding: 'base64'; readonly bytes: Uint8Array }
)

export interface TextOptions extends WriteOptions {
  /** Store the text as a string even where it is JSON. @default false */
  asText?: boolean
  /** What to store as a string of text where the text cannot stand as JSON. @default the text */
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
  /** Only keys that start with it. @default '' */
  prefix?: string
  /** Only keys behind this one, in key order. */
  after?: string
}
