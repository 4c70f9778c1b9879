// import.mjs <json file> <dir> [quiet]: imports the file into a store. Prints a line for each progress report, unless
// `quiet` is given, and then the result.
import { writeSync } from 'node:fs'
import { importKeyv, KeyvFlatlog } from '@flatlog/keyv'
import { KeyvFile } from 'keyv-file'

const [filename, dir, isQuiet] = process.argv.slice(2)
const onProgress = ({ phase, done }) => isQuiet || writeSync(1, `${phase} ${done}\n`)
const result = await importKeyv(new KeyvFile({ filename }), new KeyvFlatlog(dir), { onProgress })
console.log(JSON.stringify(result))
