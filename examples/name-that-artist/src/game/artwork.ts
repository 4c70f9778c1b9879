// Artworks, and how to read one from a token record. Records in older data directories name their fields differently.
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

/** Reads an artwork from a record. Returns undefined if the record has no title or no artist. */
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

/** The artists of some artworks by name, each with the aliases from all of their artworks. */
export function artistsOf(artworks: Iterable<Artwork>): Map<string, Artist> {
  const artists = new Map<string, Artist>()
  for (const { artist, aliases = [] } of artworks) {
    const known = artists.get(artist)?.aliases ?? []
    artists.set(artist, { name: artist, aliases: [...new Set([...known, ...aliases])] })
  }
  return artists
}
