import { existsSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { makeProject, runTool } from './project'
import { freePort, type Server, startServer } from './server'

export interface Nitro {
  name: string
  /** The command's script below `node_modules`, its arguments, and where in the project it puts what it has built. */
  command: string
  args: string[]
  output: string
}

/** What the app does when it is built by one version of Nitro. */
export function describeBuiltApp({ name, command, args, output }: Nitro): void {
  describe(`the app built with ${name} and the packed driver`, () => {
    const directory = mkdtempSync(join(tmpdir(), 'flatlog-nitro-'))
    const moved = join(directory, 'moved')
    const data = join(directory, 'data')
    const servers: Server[] = []
    let builtFiles: string[] = []
    let filesOfTheBuild: string[] = []

    const start = async (dataDirectory: string, port: number) => {
      const server = await startServer({
        args: [join(moved, 'server', 'index.mjs')],
        cwd: directory,
        environment: { DATA_DIR: dataDirectory, NODE_ENV: 'production' },
        port,
      })
      servers.push(server)
      return server
    }

    beforeAll(async () => {
      const project = join(directory, 'project')
      makeProject(project)
      await runTool(project, command, args)
      filesOfTheBuild = readdirSync(project)
      renameSync(join(project, output), moved)
      rmSync(project, { recursive: true })
      builtFiles = readdirSync(join(moved, 'server'))
    }, 180_000)

    afterEach(async () => {
      for (const server of servers.splice(0)) await server.kill()
    })

    afterAll(() => rmSync(directory, { recursive: true, force: true }))

    it('was built without a log being opened or made', () => {
      expect(builtFiles).toContain('index.mjs')
      expect(filesOfTheBuild).not.toContain('.data')
      expect(existsSync(data)).toBe(false)
    })

    it('runs where it was moved to, and shows after kill -9 what was signed and cached before', async () => {
      // The address is part of the key under which Nitro 3 caches.
      const port = await freePort()
      const server = await start(data, port)
      expect((await server.post('/sign', { name: 'Ada <b>', text: 'Good morning' })).status).toBe(303)
      expect((await server.post('/sign', { text: ' ' })).status).toBe(400)
      const first = await (await server.get('/primes')).json()
      expect(first).toMatchObject({ primes: 78_498 })
      expect(await (await server.get('/primes')).json()).toEqual(first)
      const page = await (await server.get('/')).text()
      expect(page).toContain('<b>Ada &lt;b&gt;</b>: Good morning')
      expect(page).toContain('{&quot;timestamp&quot;')
      await server.kill()

      const again = await start(data, port)
      const pageAfter = await (await again.get('/')).text()
      expect(pageAfter).toContain('<b>Ada &lt;b&gt;</b>: Good morning')
      // A count that was made anew would have another time.
      expect(await (await again.get('/primes')).json()).toEqual(first)
      await again.kill()
      expect(lines(data, 'guestbook')).toMatchObject([{ op: 'SET', value: { name: 'Ada <b>', text: 'Good morning' } }])
      const [entry] = lines(data, 'cache')
      expect(entry?.expires).toBeGreaterThan(Date.now())
      expect(entry?.expires).toBeLessThanOrEqual(Date.now() + 60_000)
    })

    it('answers also as the second process on the same files, and says who has them', async () => {
      const shared = join(directory, 'shared')
      const owner = await start(shared, await freePort())
      expect((await owner.post('/sign', { text: 'of the owner' })).status).toBe(303)
      expect((await owner.get('/primes')).status).toBe(200)
      const second = await start(shared, await freePort())
      expect((await second.post('/sign', { text: 'of the second' })).status).toBe(500)
      // A cached handler does without its cache.
      expect(await (await second.get('/primes')).json()).toMatchObject({ primes: 78_498 })
      expect(second.output()).toMatch(/\[unstorage\] \[flatlog\] .*guestbook\.lock is held by .*readOnly: true/)
      expect((await owner.get('/')).status).toBe(200)
      await owner.kill()
      expect((await second.post('/sign', { text: 'of the second' })).status).toBe(303)
    })
  })
}

function lines(data: string, name: string): { op: string; value?: unknown; expires?: number }[] {
  return readFileSync(join(data, 'logs', `${name}.log`), 'utf8')
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line))
    .filter(({ op }) => op !== 'CHECKPOINT')
}
