import { adapterRows } from './adapters.mjs'
import { coreRows } from './core.mjs'
import { millionRows } from './million.mjs'
import { upkeepRows } from './upkeep.mjs'

/**
 * A row is one benchmark: a work, the store and the options to run it with, and a goal.
 *
 * @typedef {object} Row
 * @property {string} id
 * @property {string} title
 * @property {string} short the title in the chart
 * @property {'core' | 'keyv' | 'unstorage'} family
 * @property {string} [work] the module in works/ to run
 * @property {string} [sameRunAs] instead of a work: the row whose runs also produce this figure
 * @property {{ keys: number, tail: number, isEmpty?: boolean }} [store] the store before each run: its number of keys, and
 *   of records after the checkpoint
 * @property {object} [openOptions] options that are not the defaults
 * @property {object} [params] parameters of the work
 * @property {'value' | 'text'} [as]
 * @property {boolean} [needsKeys] whether the work needs all keys in memory (default true)
 * @property {string[]} [needs] what a peer must be able to do
 * @property {{ key: string, unit: string, isMoreBetter: boolean }} main the figure that is compared
 * @property {string[]} columns the figures that are printed
 * @property {{ ratio: number, against?: string } | { below: number, key?: string, label?: string }} [goal] a
 *   ratio to the best peer of the same run or to a certain peer, or a limit for Flatlog's own figure
 */

/**
 * @param {import('../parent/settings.mjs').Sizes} sizes
 * @returns {Row[]}
 */
export function allRows(sizes) {
  return [...coreRows(sizes), ...millionRows(sizes), ...upkeepRows(sizes), ...adapterRows(sizes)]
}
