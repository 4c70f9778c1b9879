// process.mjs <keyv package> <dir> <how>: what a process does with a store that it never disconnects. Those that end by
// themselves print how many ms they stayed behind their last line.
import { createKeyvFlatlog, KeyvFlatlog } from '@flatlog/keyv'

const [keyvPackage, dir, how] = process.argv.slice(2)
const { Keyv } = await import(keyvPackage)
const printStay = () => {
  const endMs = performance.now()
  process.on('exit', () => console.log(Math.round(performance.now() - endMs)))
}
const make = (durability) => new Keyv({ store: new KeyvFlatlog({ dir, durability }), namespace: 'n' })

switch (how) {
  case 'returns': {
    const keyv = make('interval')
    await keyv.set('a', 1)
    // Not awaited: the process stays until it is acknowledged, and no longer.
    void keyv.set('b', 2)
    printStay()
    break
  }
  case 'exits': {
    const keyv = make('os')
    await keyv.set('a', 1)
    await keyv.set('b', 2)
    printStay()
    process.exit(0)
    break
  }
  case 'holds': {
    const keyv = make('os')
    await keyv.set('a', 1)
    console.log(process.pid)
    process.stdin.resume()
    break
  }
  default:
    // Without options: the store is in `.data` of the directory in which the process runs.
    process.chdir(dir)
    await createKeyvFlatlog().set('a', 1)
}
