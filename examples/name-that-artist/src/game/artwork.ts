// An artwork, and how one is read from whatever a token record holds: the records of older data directories were
// written by other versions of the bot and spell their fields in their own way.
import type { Artist } from './answers.js'

export interface Artwork {
  id: string
  title: string
  year: string
  style: string
  artist: string
  aliases?: string[]
}

export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function firstText(record: Record<string, unknown>, names: readonly string[]): string {
  for (const name of names) {
    const value = record[name]
    if (typeof value === 'string' && value.trim() !== '') return value.trim()
    if (typeof value === 'number' && Number.isFinite(value)) return String(value)
  }
  return ''
}

/** The artwork in a record, or undefined when there is no title or no artist to ask for. */
export function readArtwork(id: string, value: unknown): Artwork | undefined {
  if (!isRecord(value)) return undefined
  const title = firstText(value, ['title', 'name'])
  const artist = firstText(value, ['artist', 'artistName', 'creator', 'author'])
  if (title === '' || artist === '') return undefined
  const aliases = Array.isArray(value.aliases) ? value.aliases.filter((alias) => typeof alias === 'string') : []
  return {
    id,
    title,
    year: firstText(value, ['year', 'date']),
    style: firstText(value, ['style', 'movement', 'genre']),
    artist,
    ...(aliases.length > 0 && { aliases }),
  }
}

/** Everyone who painted one of these, each once, with the aliases of all of their works. */
export function artistsOf(artworks: Iterable<Artwork>): Map<string, Artist> {
  const artists = new Map<string, Artist>()
  for (const { artist, aliases = [] } of artworks) {
    const known = artists.get(artist)?.aliases ?? []
    artists.set(artist, { name: artist, aliases: [...new Set([...known, ...aliases])] })
  }
  return artists
}
