// The artworks of the game: the bot's own collection, and the artworks in the cache of tokens, for example those of an
// older data directory.
import type { Artist } from './answers.js'
import { type Artwork, artistsOf, readArtwork } from './artwork.js'
import type { GameStorage } from './game-storage.js'

export class Gallery {
  readonly #storage: GameStorage
  readonly #artworks: Map<string, Artwork>
  readonly #cached: Set<string>
  #artists: Map<string, Artist>

  private constructor(storage: GameStorage, artworks: Map<string, Artwork>, cached: Set<string>) {
    this.#storage = storage
    this.#artworks = artworks
    this.#cached = cached
    this.#artists = artistsOf(artworks.values())
  }

  static async open(storage: GameStorage, collection: readonly Artwork[]): Promise<Gallery> {
    const tokens = await storage.loadTokens()
    const artworks = new Map(collection.map((artwork) => [artwork.id, artwork]))
    for (const [id, token] of Object.entries(tokens)) {
      const artwork = readArtwork(id, token)
      if (artwork) artworks.set(id, artwork)
    }
    return new Gallery(storage, artworks, new Set(Object.keys(tokens)))
  }

  get(id: string): Artwork | undefined {
    return this.#artworks.get(id)
  }

  get artists(): ReadonlyMap<string, Artist> {
    return this.#artists
  }

  artistOf(artwork: Artwork): Artist {
    return this.#artists.get(artwork.artist) ?? { name: artwork.artist, aliases: artwork.aliases ?? [] }
  }

  /** Caches an artwork under its id, unless the cache already has that id. */
  async keep(artwork: Artwork): Promise<void> {
    if (this.#cached.has(artwork.id)) return
    const { id, ...token } = artwork
    await this.#storage.saveToken(id, token)
    this.#cached.add(id)
    if (this.#artworks.get(id) === artwork) return
    this.#artworks.set(id, artwork)
    this.#artists = artistsOf(this.#artworks.values())
  }

  /** Draws an artwork that is not among the recent ones. Returns it with the new list of recent artworks. */
  draw(recent: readonly string[], random: () => number): { artwork: Artwork; recent: string[] } {
    const ids = [...this.#artworks.keys()]
    const remembered = recent.slice(0, Math.floor(ids.length / 2))
    const candidates = ids.filter((id) => !remembered.includes(id))
    const id = candidates[Math.floor(random() * candidates.length)]
    const artwork = id === undefined ? undefined : this.#artworks.get(id)
    if (!artwork) throw new Error('There are no artworks to draw from.')
    return { artwork, recent: [artwork.id, ...remembered] }
  }
}
