import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { logOf, logsOf } from '../recovery/installation.js'

/** Files as the original system left them. */

export const mainOf = (dir: string) => join(dir, 'store.json')

/** A line as the original system wrote it. */
export function line(fields: object): string {
  return `${JSON.stringify({ timestamp: '2024-06-01T10:00:00.000Z', ...fields })}\n`
}
export const set = (key: string, value: unknown) => line({ op: 'SET', key, value })
export const del = (key: string) => line({ op: 'DELETE', key })
export const checkpoint = (state: object) => line({ op: 'CHECKPOINT', state, compactedAt: '2024-06-01T10:00:00.000Z' })

/** Its files in a directory that is there. Returns the directory. */
export function originalIn(dir: string, files: { main?: string | object; log?: string | Buffer }): string {
  mkdirSync(logsOf(dir))
  const { main, log } = files
  if (main !== undefined) writeFileSync(mainOf(dir), typeof main === 'string' ? main : JSON.stringify(main, null, 2))
  if (log !== undefined) writeFileSync(logOf(dir), log)
  return dir
}
