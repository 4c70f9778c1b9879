// The settings from the environment.
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

function packageDir(): string {
  let dir = dirname(fileURLToPath(import.meta.url))
  while (!existsSync(join(dir, 'package.json'))) dir = dirname(dir)
  return dir
}

/** The bot's data directory. It is read at each use, so that every test can set its own. */
export function dataDir(): string {
  const wanted = process.env.NTA_DATA_DIR
  return wanted ? resolve(wanted) : join(packageDir(), 'data')
}

function positiveInteger(name: string, defaultValue: number): number {
  const text = process.env[name]
  if (text === undefined || text.trim() === '') return defaultValue
  const value = Number(text)
  if (Number.isInteger(value) && value > 0) return value
  throw new Error(`${name} must be a whole number above 0, got "${text}". Correct it, or leave it unset.`)
}

export function compactionSettings(): CompactionSettings {
  const mode = process.env.NTA_COMPACTION ?? 'on'
  if (mode !== 'on' && mode !== 'off') {
    throw new Error(`NTA_COMPACTION must be "on" or "off", got "${mode}". Correct it, or leave it unset.`)
  }
  return {
    enabled: mode === 'on',
    intervalMs: positiveInteger('NTA_COMPACTION_INTERVAL_MS', 3_600_000),
    minBytes: positiveInteger('NTA_COMPACTION_MIN_BYTES', 1_048_576),
  }
}

const DURABILITIES = ['always', 'interval', 'os'] as const

export function durability(): (typeof DURABILITIES)[number] {
  const wanted = process.env.NTA_DURABILITY ?? 'always'
  const known = DURABILITIES.find((name) => name === wanted)
  if (known) return known
  throw new Error(
    `NTA_DURABILITY must be "always", "interval" or "os", got "${wanted}". Correct it, or leave it unset.`,
  )
}

export interface DiscordSettings {
  token: string
  /** The address of Discord's HTTP API, if it is not the default: a proxy, or a fake Discord in tests. */
  api: string | undefined
}

/** Returns undefined if there is no token, which means that the bot should not run on Discord. */
export function discordSettings(): DiscordSettings | undefined {
  const token = process.env.DISCORD_TOKEN?.trim()
  if (!token) return undefined
  const api = process.env.NTA_DISCORD_API?.trim().replace(/\/+$/, '') || undefined
  if (api !== undefined && !(/^https?:/.test(api) && URL.canParse(api))) {
    throw new Error(`NTA_DISCORD_API must be an http or https address, got "${api}". Correct it, or leave it unset.`)
  }
  return { token, api }
}
