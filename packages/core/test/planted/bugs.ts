import type { Bug } from './bug.js'
import { commitBugs } from './bugs/commit.js'
import { publishBugs } from './bugs/publish.js'
import { recoveryBugs } from './bugs/recovery.js'

export const bugs: readonly Bug[] = [...commitBugs, ...publishBugs, ...recoveryBugs]
