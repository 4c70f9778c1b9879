import { test } from 'vitest'
import { bugs } from './bugs.js'
import { editedSources } from './bundle.js'

test.each(bugs)('the edits of the planted bug "$name" match the source', ({ edits }) => {
  editedSources(edits)
})
