import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it, vi } from 'vitest'
import { makeProject } from './helpers/project'
import { freePort, type Server, startServer } from './helpers/server'

const UNTIL_READY = { timeout: 60_000, interval: 200 }
const UNTIL_NOTICED = { timeout: 60_000, interval: 3000 }

// Part of `npm run test:long`, because it builds the app twice.
describe.runIf(process.env.FLATLOG_LONG)('the app in development with Nitro 2', () => {
  const directory = mkdtempSync(join(tmpdir(), 'flatlog-nitro-dev-'))
  let server: Server | undefined

  afterAll(async () => {
    await server?.kill()
    rmSync(directory, { recursive: true, force: true, maxRetries: 5 })
  })

  it('continues with the same log when its code changes', async () => {
    const project = join(directory, 'project')
    makeProject(project)
    // Use another log in development. At the end this log must have the entries.
    const config = join(project, 'nitro.config.mjs')
    const devStorage = "devStorage: { guestbook: { ...files, name: 'guestbook-dev' } },"
    writeFileSync(config, readFileSync(config, 'utf8').replace('  storage: {', `  ${devStorage}\n  storage: {`))
    const port = await freePort()
    const running = await startServer({
      args: [join(project, 'node_modules/nitropack/dist/cli/index.mjs'), 'dev', '--port', `${port}`],
      cwd: project,
      environment: { DATA_DIR: join(directory, 'data'), NODE_ENV: 'development' },
      port,
    })
    server = running
    const sign = async (text: string) => expect((await running.post('/sign', { text })).status).toBe(303)
    const pageHas = async (text: string) => expect(await (await running.get('/')).text()).toContain(text)

    await vi.waitFor(() => sign('before'), UNTIL_READY)
    const page = join(project, 'app', 'page.ts')
    const changed = readFileSync(page, 'utf8').replace('<h1>Guestbook</h1>', '<h1>Changed</h1>')
    // Save again if the change was not noticed: Nitro may answer requests before it watches the files.
    const save = () => writeFileSync(page, changed)
    await vi.waitFor(async () => {
      await pageHas('<h1>Changed</h1>').catch((error) => {
        save()
        throw error
      })
    }, UNTIL_NOTICED)
    await sign('after')
    await pageHas('</b>: before ')
    await pageHas('</b>: after ')
    const log = readFileSync(join(directory, 'data', 'logs', 'guestbook-dev.log'), 'utf8')
    expect(log.split('\n').filter((line) => line.includes('"op":"SET"'))).toHaveLength(2)
  }, 150_000)
})
