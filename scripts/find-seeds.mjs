// Finds the seeds with which the tests look for the planted bugs, prints them and writes them to
// packages/core/test/planted/searches.ts. Run it when a planted bug, the engine or the simulation has changed so much
// that planted.test.ts misses a bug:
//
//   node scripts/find-seeds.mjs                   all bugs, which takes half an hour on two cores
//   node scripts/find-seeds.mjs 'torn tail' mark  bugs whose name contains one of these; the others keep their seeds
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { createViteServer } from 'vitest/node'

const core = join(dirname(dirname(fileURLToPath(import.meta.url))), 'packages', 'core')
process.chdir(core)
const vite = await createViteServer({
  root: core,
  configFile: false,
  logLevel: 'error',
  server: { middlewareMode: true, hmr: false, ws: false, watch: null },
})
try {
  const { findSeeds } = await vite.ssrLoadModule('/test/planted/find-seeds.ts')
  process.exitCode = (await findSeeds(process.argv.slice(2))) ? 0 : 1
} finally {
  await vite.close()
}
