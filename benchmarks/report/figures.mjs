/** Formats figures: three significant digits, thousands separators, and the unit. */

export function digits(value) {
  if (value === undefined || !Number.isFinite(value)) return ''
  const size = Math.abs(value)
  if (size >= 1000) return Math.round(value).toLocaleString('en')
  if (size >= 100) return value.toFixed(0)
  if (size >= 10) return value.toFixed(1)
  if (size >= 0.1 || size === 0) return value.toFixed(2)
  return value.toPrecision(2)
}

export function figure(value, { unit }) {
  return `${digits(value)} ${unit}`
}

export function times(ratio) {
  return ratio === undefined || !Number.isFinite(ratio) ? '' : `${digits(ratio)} ×`
}
