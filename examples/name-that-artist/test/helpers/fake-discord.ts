// A fake Discord on this machine, for the real discord.js: the HTTP routes and gateway messages that the bot needs. It
// enforces two of Discord's rules: the token must be valid, and a command can be acknowledged only once.
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { type WebSocket, WebSocketServer } from 'ws'
import type { Gate } from './gate.js'

export const TOKEN = 'the-right-token'
const APPLICATION = { id: '900', flags: 0 }
const BOT_USER = { id: '900', username: 'artist-bot', discriminator: '0', global_name: null, avatar: null, bot: true }

// https://discord.com/developers/docs/topics/opcodes-and-status-codes
const OP = { dispatch: 0, heartbeat: 1, identify: 2, resume: 6, hello: 10, heartbeatAck: 11 }
const ALREADY_ACKNOWLEDGED = { message: 'Interaction has already been acknowledged.', code: 40060 }
const DEFERRED = 5

/** A command that a user enters. */
export interface UsedCommand {
  command: string
  guild?: string
  channel?: string
  user?: { id: string; name: string }
  options?: Record<string, string>
  /** The id of the interaction, for a command that arrives more than once. */
  id?: string
}

/** The answer as the user sees it. */
export interface SeenAnswer {
  content: string
  private: boolean
  allowedMentions: unknown
  wasDeferred: boolean
}

interface Waiting {
  resolve(seen: SeenAnswer): void
  ack?: { type: number; flags: number }
}

// biome-ignore lint/suspicious/noExplicitAny: the tests check what arrives here.
type Json = any

export class FakeDiscord {
  readonly url: string
  /** The commands of each registration. */
  readonly registered: Json[] = []
  /** The identify messages at the gateway. */
  readonly identified: Json[] = []
  /**
   * If set, delays acknowledgements.
   * One opens the first gate when it arrives, and is answered when the second gate is open.
   */
  slowAcknowledgement: { received: Gate; answered: Gate } | undefined
  /** Refuses to register commands. */
  refusesCommands = false
  /** Accepts requests but does not answer them. */
  isSilent = false
  #gateway: WebSocket | undefined
  #lastId = 1_000
  readonly #server: Server
  readonly #sockets: WebSocketServer
  readonly #waiting = new Map<string, Waiting>()
  readonly #acknowledged = new Set<string>()

  static async start(): Promise<FakeDiscord> {
    const server = createServer()
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    return new FakeDiscord(server)
  }

  private constructor(server: Server) {
    this.#server = server
    this.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
    server.on('request', (request, response) => void this.#serve(request, response))
    this.#sockets = new WebSocketServer({ server })
    this.#sockets.on('connection', (socket) => this.#greet(socket))
  }

  async stop(): Promise<void> {
    for (const socket of this.#sockets.clients) socket.terminate()
    this.#sockets.close()
    this.#server.closeAllConnections()
    await new Promise((resolve) => this.#server.close(resolve))
  }

  /** Uses a command as a user. Resolves to the answer that the user sees. */
  use(used: UsedCommand): Promise<SeenAnswer> {
    const id = used.id ?? String(++this.#lastId)
    const seen = new Promise<SeenAnswer>((resolve) => this.#waiting.set(id, { resolve }))
    this.deliver({ ...used, id })
    return seen
  }

  /** Delivers a command without waiting for the answer. */
  deliver({
    command,
    guild = '1',
    channel = '11',
    user = { id: '7', name: 'Ada' },
    options = {},
    id,
  }: UsedCommand): void {
    const data = { id: '5', name: command, type: 1, options: Object.entries(options).map(asOption) }
    const account = { ...BOT_USER, id: user.id, username: 'someone', global_name: user.name, bot: false }
    const member = { user: account, nick: 'a name on one server', roles: [], permissions: '0', flags: 0 }
    this.#dispatch('INTERACTION_CREATE', {
      id,
      application_id: APPLICATION.id,
      type: 2,
      data,
      guild_id: guild,
      channel_id: channel,
      channel: { id: channel, type: 0, guild_id: guild },
      member,
      token: `token-of-${id}`,
      version: 1,
      entitlements: [],
      authorizing_integration_owners: { 0: guild },
      context: 0,
    })
  }

  /**
   * Closes the connection.
   * 4004 means that the token is not valid any more, 4000 is an unknown reason.
   */
  disconnect(code: 4000 | 4004): void {
    this.#gateway?.close(code)
  }

  #dispatch(t: string, d: Json): void {
    this.#gateway?.send(JSON.stringify({ op: OP.dispatch, t, s: 1, d }))
  }

  #greet(socket: WebSocket): void {
    this.#gateway = socket
    const send = (message: Json) => socket.send(JSON.stringify(message))
    socket.on('message', (text) => {
      const { op, d } = JSON.parse(String(text))
      if (op === OP.heartbeat) send({ op: OP.heartbeatAck })
      if (op === OP.resume) this.#dispatch('RESUMED', {})
      if (op !== OP.identify) return
      this.identified.push(d)
      const session = { session_id: 's', resume_gateway_url: this.url.replace('http', 'ws') }
      this.#dispatch('READY', { v: 10, user: BOT_USER, guilds: [], application: APPLICATION, ...session })
    })
    send({ op: OP.hello, d: { heartbeat_interval: 45_000 } })
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    if (this.isSilent) return
    const chunks: Buffer[] = []
    for await (const chunk of request) chunks.push(chunk as Buffer)
    const body: Json = chunks.length === 0 ? undefined : JSON.parse(Buffer.concat(chunks).toString())
    const { status, answer } = this.#answer(`${request.method} ${pathOf(request)}`, request, body)
    if (this.slowAcknowledgement && request.url?.includes('/callback')) {
      this.slowAcknowledgement.received.open()
      await this.slowAcknowledgement.answered.promise
    }
    if (answer === undefined) response.writeHead(status).end()
    else response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(answer))
  }

  #answer(what: string, { headers }: IncomingMessage, body: Json): { status: number; answer?: Json } {
    const [, id = '', token = ''] = /(?:interactions|webhooks)\/(\d+)\/([\w-]+)/.exec(what) ?? []
    // Answers to commands are authorized by the token of the command, everything else by the token of the bot.
    if (what.endsWith('/callback')) return this.#acknowledge(id, body)
    if (what.endsWith('/messages/@original')) return this.#edit(token.replace('token-of-', ''), body)
    if (headers.authorization !== `Bot ${TOKEN}`)
      return { status: 401, answer: { message: '401: Unauthorized', code: 0 } }
    if (what === 'GET /api/v10/gateway/bot') {
      const limit = { total: 1000, remaining: 999, reset_after: 0, max_concurrency: 1 }
      return { status: 200, answer: { url: this.url.replace('http', 'ws'), shards: 1, session_start_limit: limit } }
    }
    if (this.refusesCommands) return { status: 403, answer: { message: 'Missing Access', code: 50001 } }
    if (what === `PUT /api/v10/applications/${APPLICATION.id}/commands`) {
      this.registered.push(body)
      const answer = body.map((each: Json, index: number) => ({ ...each, id: String(index), application_id: '900' }))
      return { status: 200, answer }
    }
    return { status: 404, answer: { message: `no ${what} here`, code: 0 } }
  }

  #acknowledge(id: string, { type, data }: Json): { status: number; answer?: Json } {
    if (this.#acknowledged.has(id)) return { status: 400, answer: ALREADY_ACKNOWLEDGED }
    this.#acknowledged.add(id)
    const waiting = this.#waiting.get(id)
    if (type === DEFERRED && waiting) waiting.ack = { type, flags: data.flags ?? 0 }
    else this.#show(id, data, data.flags ?? 0, false)
    return { status: 204 }
  }

  #edit(id: string, message: Json): { status: number; answer?: Json } {
    this.#show(id, message, this.#waiting.get(id)?.ack?.flags ?? 0, true)
    return { status: 200, answer: { id: '1', channel_id: '11', author: BOT_USER, content: message.content, type: 0 } }
  }

  #show(id: string, { content, allowed_mentions }: Json, flags: number, wasDeferred: boolean): void {
    const seen = { content, private: (flags & 64) !== 0, allowedMentions: allowed_mentions, wasDeferred }
    this.#waiting.get(id)?.resolve(seen)
  }
}

function asOption([name, value]: [string, string]): Json {
  return { name, type: 3, value }
}

function pathOf({ url = '' }: IncomingMessage): string {
  return decodeURIComponent(new URL(url, 'http://127.0.0.1').pathname)
}
