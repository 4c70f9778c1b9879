// What the environment says about where the data is and how it is looked after.
import { existsSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'

export const STORE_NAMES = ['players', 'tokens', 'game_state'] as const
export type StoreName = (typeof STORE_NAMES)[number]

export interface CompactionSettings {
  enabled: boolean
  intervalMs: number
  minBytes: number
}

/** A setting that makes no sense. It is reported as it is: a stack would tell its reader nothing. */
export class SettingError extends Error {}

function packageDir(): string {
  let dir = dirname(fileURLToPath(import.meta.url))
  while (!existsSync(join(dir, 'package.json'))) dir = dirname(dir)
  return dir
}

/** The bot's data directory. It is asked for whenever something is opened, so a test may set another one each time. */
export function dataDir(): string {
  const wanted = process.env.NTA_DATA_DIR
  return wanted ? resolve(wanted) : join(packageDir(), 'data')
}

function positiveNumber(name: string, otherwise: number): number {
  const text = process.env[name]
  if (text === undefined || text.trim() === '') return otherwise
  const value = Number(text)
  if (Number.isInteger(value) && value > 0) return value
  throw new SettingError(`${name} is "${text}"; it should be a whole number above 0, or not be set.`)
}

export function compactionSettings(): CompactionSettings {
  const mode = process.env.NTA_COMPACTION ?? 'on'
  if (mode !== 'on' && mode !== 'off') {
    throw new SettingError(`NTA_COMPACTION is "${mode}"; it should be "on" or "off", or not be set.`)
  }
  return {
    enabled: mode === 'on',
    intervalMs: positiveNumber('NTA_COMPACTION_INTERVAL_MS', 3_600_000),
    minBytes: positiveNumber('NTA_COMPACTION_MIN_BYTES', 1_048_576),
  }
}

const DURABILITIES = ['always', 'interval', 'os'] as const

export function durability(): (typeof DURABILITIES)[number] {
  const wanted = process.env.NTA_DURABILITY ?? 'always'
  const known = DURABILITIES.find((name) => name === wanted)
  if (known) return known
  throw new SettingError(`NTA_DURABILITY is "${wanted}"; it should be "always", "interval" or "os", or not be set.`)
}

export interface DiscordSettings {
  token: string
  /** Where Discord's HTTP API is, when that is not Discord itself: a proxy, or what stands in for Discord in a test. */
  api: string | undefined
}

/** Undefined without a token: then the bot is not meant to run on Discord. */
export function discordSettings(): DiscordSettings | undefined {
  const token = process.env.DISCORD_TOKEN?.trim()
  if (!token) return undefined
  const api = process.env.NTA_DISCORD_API?.trim().replace(/\/+$/, '') || undefined
  if (api !== undefined && !(/^https?:/.test(api) && URL.canParse(api))) {
    throw new SettingError(`NTA_DISCORD_API is "${api}"; it should be an http or https address, or not be set.`)
  }
  return { token, api }
}
