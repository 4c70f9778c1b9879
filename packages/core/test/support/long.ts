/** `npm run test:long` runs everything many more times. */
export const isLong = process.env.FLATLOG_LONG === '1'

export function rounds(usual: number, long: number): number {
  return isLong ? long : usual
}
