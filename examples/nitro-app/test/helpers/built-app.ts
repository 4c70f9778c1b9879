import { existsSync, mkdtempSync, readdirSync, renameSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { logRecords } from '../../../../test-support/logs'
import { makeProject, runTool } from './project'
import { freePort, type Server, startServer } from './server'

export interface Nitro {
  name: string
  /** The script of the build command, relative to `node_modules`. */
  command: string
  args: string[]
  /** The directory of the build output, relative to the project. */
  output: string
}

/** Tests the app built by one version of Nitro. */
export function describeBuiltApp({ name, command, args, output }: Nitro): void {
  describe(`the app built with ${name} and the packed driver`, () => {
    const directory = mkdtempSync(join(tmpdir(), 'flatlog-nitro-'))
    const moved = join(directory, 'moved')
    const data = join(directory, 'data')
    const servers: Server[] = []
    let builtFiles: string[] = []
    let projectFiles: string[] = []

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
      projectFiles = readdirSync(project)
      renameSync(join(project, output), moved)
      rmSync(project, { recursive: true })
      builtFiles = readdirSync(join(moved, 'server'))
    }, 180_000)

    afterEach(async () => {
      for (const server of servers.splice(0)) await server.kill()
    })

    afterAll(() => rmSync(directory, { recursive: true, force: true }))

    it('was built without opening or creating a log', () => {
      expect(builtFiles).toContain('index.mjs')
      expect(projectFiles).not.toContain('.data')
      expect(existsSync(data)).toBe(false)
    })

    it('runs in another directory, and keeps its entries and its cache through kill -9', async () => {
      // The same port for both processes, because Nitro 3 uses the address as part of the cache key.
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
      // If the primes were counted again, the time would be different.
      expect(await (await again.get('/primes')).json()).toEqual(first)
      await again.kill()
      expect(logRecords(data, 'guestbook')).toMatchObject([
        { op: 'SET', value: { name: 'Ada <b>', text: 'Good morning' } },
      ])
      const [entry] = logRecords(data, 'cache')
      expect(entry?.expires).toBeGreaterThan(Date.now())
      expect(entry?.expires).toBeLessThanOrEqual(Date.now() + 60_000)
    })

    it('also answers as the second process on the same logs, and names the owner in its errors', async () => {
      const shared = join(directory, 'shared')
      const owner = await start(shared, await freePort())
      expect((await owner.post('/sign', { text: 'from the owner' })).status).toBe(303)
      expect((await owner.get('/primes')).status).toBe(200)
      const second = await start(shared, await freePort())
      expect((await second.post('/sign', { text: 'from the second' })).status).toBe(500)
      // A cached handler works without its cache.
      expect(await (await second.get('/primes')).json()).toMatchObject({ primes: 78_498 })
      expect(second.output()).toMatch(/\[unstorage\] \[flatlog\] .*guestbook\.lock.*readOnly: true/)
      expect((await owner.get('/')).status).toBe(200)
      await owner.kill()
      expect((await second.post('/sign', { text: 'from the second' })).status).toBe(303)
    })
  })
}
