// Tests importing from the real @keyv/sqlite: `npm run test:sqlite`. Its sqlite3 is compiled or downloaded by an install
// script, so it is not part of the workspace. The first run takes some minutes.
import { spawnSync } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = dirname(dirname(fileURLToPath(import.meta.url)))
const home = join(tmpdir(), 'flatlog-keyv-sqlite')
const shell = process.platform === 'win32'

function runOrExit(command, args, options) {
  const { status } = spawnSync(command, args, { stdio: 'inherit', shell, ...options })
  if (status !== 0) process.exit(status ?? 1)
}

mkdirSync(home, { recursive: true })
const manifest = {
  private: true,
  dependencies: { '@keyv/sqlite': '4.0.8', keyv: '5.6.0' },
  allowScripts: { sqlite3: true },
}
writeFileSync(join(home, 'package.json'), JSON.stringify(manifest))
runOrExit('npm', ['install', '--no-audit', '--no-fund'], { cwd: home })
runOrExit('npm', ['run', 'build'], { cwd: root })
runOrExit('npx', ['vitest', 'run', 'test/import-sqlite.test.ts'], {
  cwd: join(root, 'packages', 'keyv-adapter'),
  env: { ...process.env, FLATLOG_KEYV_SQLITE: home },
})
