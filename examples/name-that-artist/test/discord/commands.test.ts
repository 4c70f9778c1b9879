import { describe, expect, it } from 'vitest'
import { COMMANDS } from '../../src/discord/commands.js'

describe('the registered commands', () => {
  it('are these three, with these options', () => {
    const options = COMMANDS.map(({ name, options = [] }) => [
      name,
      options.map((option) => JSON.parse(JSON.stringify(option))),
    ])
    expect(Object.fromEntries(options)).toMatchObject({
      round: [{ name: 'action', type: 3, required: false, choices: [{ value: 'hint' }, { value: 'skip' }] }],
      guess: [{ name: 'artist', type: 3, required: true, max_length: 100 }],
      leaderboard: [],
    })
  })

  it('are available only on servers', () => {
    for (const command of COMMANDS) expect(command).toMatchObject({ contexts: [0], integration_types: [0] })
  })
})
