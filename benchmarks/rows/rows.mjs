import { adapterRows } from './adapters.mjs'
import { coreRows } from './core.mjs'
import { millionRows } from './million.mjs'
import { upkeepRows } from './upkeep.mjs'

/**
 * A row: which work, on which store, with which options, and what is aimed at.
 *
 * @typedef {object} Row
 * @property {string} id
 * @property {string} title
 * @property {string} short in the chart
 * @property {'core' | 'keyv' | 'unstorage'} family
 * @property {string} [work] the module in works/ that does it
 * @property {string} [sameRunAs] in the place of a work: the row whose runs gave this figure too
 * @property {{ keys: number, tail: number, isEmpty?: boolean }} [store] what is loaded before each run: how many keys,
 *   and how many records behind the checkpoint
 * @property {object} [openOptions] the options that the row names; all others are the defaults
 * @property {object} [params] for the work
 * @property {'value' | 'text'} [as]
 * @property {boolean} [needsKeys] whether the work wants all keys ready in memory; by default it does
 * @property {string[]} [needs] what a peer must be able to do
 * @property {{ key: string, unit: string, isMoreBetter: boolean }} main the figure that is compared
 * @property {string[]} columns the figures that are printed
 * @property {{ ratio: number, against?: string } | { below: number, key?: string, label?: string }} [goal] how many
 *   times the best peer of the same run, or the one named; or a figure of its own
 */

/**
 * @param {import('../parent/settings.mjs').Sizes} sizes
 * @returns {Row[]}
 */
export function allRows(sizes) {
  return [...coreRows(sizes), ...millionRows(sizes), ...upkeepRows(sizes), ...adapterRows(sizes)]
}
