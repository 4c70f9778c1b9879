import { describe, expect, it } from 'vitest'
import { FlatlogError, invalidOption, ioError, isNoSpace, unknownOption } from '../support/core.js'

const systemError = (code: string, more: object = {}) => Object.assign(new Error(`${code}: failed`), { code, ...more })

describe('ioError', () => {
  it.each(['EACCES', 'ENOENT', 'EIO', 'EBUSY', 'ESOMETHING'])('says what to do after %s', (code) => {
    const cause = systemError(code)
    const error = ioError('read', '/data/logs/a.log', cause, 42)
    expect(error).toMatchObject({ code: 'FLATLOG_IO', path: '/data/logs/a.log', offset: 42, cause })
    expect(error.message).toMatch(
      new RegExp(`^Could not read /data/logs/a\\.log \\(${code}\\)\\. What to do: \\w.*\\.$`),
    )
    expect(error.message).not.toContain('cause')
  })

  it('gives the message of an error without a code', () => {
    expect(ioError('write', '/a', new Error('it does not read back')).message).toContain('(it does not read back)')
  })

  it.each(['ENOSPC', 'EDQUOT', 'EFBIG'])('is FLATLOG_NO_SPACE after %s', (code) => {
    expect(ioError('write', '/a', systemError(code)).code).toBe('FLATLOG_NO_SPACE')
  })

  it('recognizes an exceeded quota by its number', () => {
    const cause = systemError('UNKNOWN', { errno: -122 })
    expect(isNoSpace(cause)).toBe(true)
    expect(ioError('write', '/a', cause).message).toContain('free some disk space')
  })

  it('returns a FlatlogError as it is', () => {
    const error = new FlatlogError('FLATLOG_CLOSED', 'closed')
    expect(ioError('read', '/a', error)).toBe(error)
  })
})

describe('unknownOption', () => {
  const known = ['dir', 'name', 'durability', 'syncIntervalMs', 'readOnly']

  it.each([
    ['dirr', 'dir'],
    ['readonly', 'readOnly'],
    ['durabilty', 'durability'],
    ['syncInterval', 'syncIntervalMs'],
  ])('suggests a known name for %s', (given, meant) => {
    const error = unknownOption(given, known)
    expect(error.code).toBe('FLATLOG_INVALID_OPTION')
    expect(error.message).toMatch(`Unknown option "${given}". Did you mean "${meant}"?`)
    expect(error.message).toContain(known.join(', '))
  })

  it.each(['colour', '', 'x', 'd'.repeat(10_000)])('suggests nothing that is not similar', (given) => {
    expect(unknownOption(given, known).message).not.toContain('Did you mean')
  })
})

it.each([
  ['"sometimes"', 'sometimes'],
  ['5', 5],
  ['null', null],
  ['an array', [1]],
  ['an object', Object.create(null)],
  ['a function', () => {}],
  ['Symbol(s)', Symbol('s')],
])('invalidOption describes %s', (described, given) => {
  expect(invalidOption('dir', given, 'a string').message).toBe(
    `The option "dir" must be a string, got ${described}. What to do: correct it or leave it out.`,
  )
})
