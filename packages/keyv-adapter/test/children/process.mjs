// process.mjs <keyv package> <dir> <how>: uses a store and never disconnects it. With `returns` and `exits` it prints
// how many milliseconds the process took to end.
import { createKeyvFlatlog, KeyvFlatlog } from '@flatlog/keyv'

const [keyvPackage, dir, how] = process.argv.slice(2)
const { Keyv } = await import(keyvPackage)
const printEndingTime = () => {
  const startMs = performance.now()
  process.on('exit', () => console.log(Math.round(performance.now() - startMs)))
}
const make = (durability) => new Keyv({ store: new KeyvFlatlog({ dir, durability }), namespace: 'n' })

switch (how) {
  case 'returns': {
    const keyv = make('interval')
    await keyv.set('a', 1)
    // Not awaited: the process must stay until this write is acknowledged, but not longer.
    void keyv.set('b', 2)
    printEndingTime()
    break
  }
  case 'exits': {
    const keyv = make('os')
    await keyv.set('a', 1)
    await keyv.set('b', 2)
    printEndingTime()
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
    // Without options the store is in `.data` of the current directory.
    process.chdir(dir)
    await createKeyvFlatlog().set('a', 1)
}
