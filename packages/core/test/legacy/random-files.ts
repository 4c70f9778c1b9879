import type { Random } from '../support/random.js'

/** Makes random files of format 0: odd, damaged, or spelled as by another program. */

const KEYS = [
  '',
  '__proto__',
  'constructor',
  '10',
  '9',
  'é',
  '\ud800',
  '\ud83d',
  '😀',
  '\uffff',
  '\ue000',
  'a\n"\\',
  'seq',
]

function anyKey(random: Random): string {
  if (random.below(3) === 0) return random.pick(KEYS)
  return `key ${random.below(40)}${random.below(30) === 0 ? '·'.repeat(random.below(150)) : ''}`
}

/** The JSON of a text, sometimes with an escape that `JSON.stringify` would not write. */
function literal(random: Random, text: string): string {
  const json = JSON.stringify(text)
  return random.below(6)
    ? json
    : json.replace(/[a-z]/, (letter) => `\\u${letter.charCodeAt(0).toString(16).padStart(4, '0')}`)
}

function anyValue(random: Random, depth = 0): string {
  const space = random.below(10) ? '' : random.pick([' ', '\t', '\r', '  '])
  switch (random.below(depth > 2 ? 5 : 7)) {
    case 0:
      return random.pick(['0', '-0', '1.0', '1e400', '12345678901234567890'])
    case 1:
      return random.pick(['true', 'false', 'null'])
    case 2:
      return JSON.stringify(
        random.pick(['x', 'é', '😀', '\u2028', ' " \\ ']).repeat(random.below(random.below(8) ? 8 : 200)),
      )
    case 3:
      return `"${random.pick(['\\u00e9', '\\ud800', '\u2029', ' , ] } '])}"`
    case 4:
      return literal(random, 'text')
    case 5:
      return `[${space}${anyList(random, () => anyValue(random, depth + 1)).join(`${space},`)}${space}]`
    default:
      return anyObject(random, depth + 1, space)
  }
}

function anyList<T>(random: Random, make: () => T, most = 4): T[] {
  return Array.from({ length: random.below(most + 1) }, make)
}

function anyObject(random: Random, depth = 0, space = '', most = 4): string {
  const pairs = anyList(random, () => `${literal(random, anyKey(random))}${space}:${anyValue(random, depth)}`, most)
  return `{${space}${pairs.join(`,${space}`)}${space}}`
}

function anyLine(random: Random): string {
  const timestamp = `"timestamp":${random.below(20) ? `"2024-06-01T10:00:0${random.below(10)}.000Z"` : random.pick(['5', '"?"'])}`
  const key = () => `"key":${random.below(30) ? literal(random, anyKey(random)) : '5'}`
  const kind = random.below(60)
  const fields =
    kind < 40
      ? ['"op":"SET"', key(), `"value":${anyValue(random)}`]
      : kind < 52
        ? ['"op":"DELETE"', key()]
        : kind < 54
          ? ['"op":"SET"', `"data":${random.below(9) ? anyObject(random, 0, '', 20) : '[1]'}`]
          : kind < 56
            ? [
                '"op":"CHECKPOINT"',
                `"state":${random.below(9) ? anyObject(random, 0, '', 30) : 'null'}`,
                '"compactedAt":"x"',
              ]
            : [random.pick(['"op":"SET"', '"op":"MERGE"', '"\\u006fp":"SET"', '"op":"SET","seq":1']), key()]
  const all = [timestamp, ...fields]
  // In any order, and sometimes with one of them twice: the last one counts.
  if (random.below(8) === 0) all.sort(() => random.below(3) - 1)
  if (random.below(15) === 0) all.push(random.pick(all))
  const line = `{${all.join(random.below(20) ? ',' : ' , ')}}`
  return random.below(25) ? line : damaged(random, line)
}

function damaged(random: Random, line: string): string {
  const at = random.below(line.length + 1)
  return random.pick([
    line.slice(0, at),
    line.slice(at),
    line.slice(0, at) + random.pick(['"', '\\', '}', ',', '\0', '\xff', '\x80']) + line.slice(at),
    '',
    '\r',
    `${line}\r`,
    '\0'.repeat(random.below(300)),
    '[1,2]',
    ` \t${line}  `,
  ])
}

export function anyLog(random: Random): Buffer {
  const lines = Array.from({ length: random.below(120) }, () => anyLine(random))
  const log = bytesOf(random, lines.map((line) => `${line}\n`).join(''))
  return random.below(4) ? log : log.subarray(0, Math.max(0, log.length - random.below(200)))
}

export function anyMainFile(random: Random): Buffer {
  const json = anyObject(random, 0, random.pick(['', ' ', '\n  ', '\r\n\t']), 60)
  const text = random.pick(['', '', '\ufeff']) + json + random.pick(['', '\n', ' '])
  const bytes = bytesOf(random, text)
  return random.below(5) ? bytes : bytes.subarray(0, random.below(bytes.length + 1))
}

/** Sometimes with bytes that are not UTF-8. */
function bytesOf(random: Random, text: string): Buffer {
  const bytes = Buffer.from(text)
  if (bytes.length > 0 && random.below(4) === 0) {
    const at = bytes.indexOf('x', random.below(bytes.length))
    if (at !== -1) bytes[at] = random.pick([0xff, 0xc3, 0xe2, 0xf0, 0xed])
  }
  return bytes
}
