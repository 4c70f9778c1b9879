import { test } from 'vitest'
import { commitBugs } from './bugs/commit.js'
import { publishBugs } from './bugs/publish.js'
import { recoveryBugs } from './bugs/recovery.js'
import { editedSources } from './bundle.js'

test.each([...commitBugs, ...publishBugs, ...recoveryBugs])(
  'the planted bug "$name" still has its place in the source',
  ({ edits }) => {
    editedSources(edits)
  },
)
