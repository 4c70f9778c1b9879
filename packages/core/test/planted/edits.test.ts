import { test } from 'vitest'
import { bugs } from './bugs.js'
import { editedSources } from './bundle.js'

test.each(bugs)('the planted bug "$name" still has its place in the source', ({ edits }) => {
  editedSources(edits)
})
