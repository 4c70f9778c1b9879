import { describe, expect, test } from 'vitest'
import { recordsOf } from '../support/files.js'
import { machine, openOn } from '../support/machine.js'
import { useTempDirectory } from '../support/temp-directory.js'

const directory = useTempDirectory()
const FAR_MS = 4_000_000_000_000

describe('the stored form for adapters', () => {
  test('getStored returns text, encoding and expiry together', async () => {
    await using store = await openOn(machine(), { dir: directory() })
    await store.setText('json', '{"b": 1}', { expires: FAR_MS })
    await store.setText('text', '"quoted"', { asText: true })
    await store.setBytes('bytes', new Uint8Array([0, 255]), { expires: FAR_MS })
    expect(store.getStored('json')).toEqual({ encoding: 'json', text: '{"b": 1}', expires: FAR_MS })
    expect(store.getStored('text')).toEqual({ encoding: 'text', text: '"quoted"', expires: undefined })
    expect(store.getStored('bytes')).toEqual({ encoding: 'base64', bytes: new Uint8Array([0, 255]), expires: FAR_MS })
    expect(store.getStored('missing')).toBeUndefined()
    await store.set('gone', 1, { expires: 1 })
    expect(store.getStored('gone')).toBeUndefined()
  })

  test.each([
    ['[1, 2]', { value: [1, 2] }],
    ['1}{2', { value: 'the whole', encoding: 'text' }],
    [' 1', { value: 'the whole', encoding: 'text' }],
    ['"\u2028"', { value: 'the whole', encoding: 'text' }],
  ])('setText stores `otherwise` in the place of a text that cannot be stored as JSON: %j', async (text, expected) => {
    const dir = directory()
    const store = await openOn(machine(), { dir })
    await store.setText('one', text, { otherwise: 'the whole' })
    await store.batch([{ op: 'SET', key: 'many', text, otherwise: 'the whole' }])
    const [one, many] = recordsOf(dir).slice(-2)
    expect(one).toMatchObject(expected)
    expect(many).toMatchObject({ ops: [expected] })
    if (!('encoding' in expected)) expect(one).not.toHaveProperty('encoding')
    await store.close()
  })

  test('`otherwise` may be empty, and must be a string', async () => {
    await using store = await openOn(machine(), { dir: directory() })
    await store.setText('k', 'no JSON', { otherwise: '' })
    expect(store.getStored('k')).toMatchObject({ encoding: 'text', text: '' })
    await expect(store.setText('k', 'no JSON', { otherwise: 7 as never })).rejects.toMatchObject({
      code: 'FLATLOG_INVALID_VALUE',
    })
    // Refused also where it is not used, so that the mistake shows at the first call.
    await expect(store.setText('k', '1', { otherwise: 7 as never })).rejects.toMatchObject({
      code: 'FLATLOG_INVALID_VALUE',
    })
  })

  test('`otherwise` is not used with asText', async () => {
    await using store = await openOn(machine(), { dir: directory() })
    await store.setText('k', '{"x":1}', { asText: true, otherwise: 'the other' })
    expect(store.getStored('k')).toMatchObject({ encoding: 'text', text: '{"x":1}' })
  })
})
