export const DRIVER_NAME = 'flatlog'

/** The code of a condition that does not hold, as the proposal for conditional writes in unstorage has it. */
export const MISMATCH_CODE = 'ERR_CAS_MISMATCH'

/** What the driver throws: the code, path and offset of the log's own error, which is the cause. */
export interface FlatlogDriverError extends Error {
  code?: string
  path?: string
  offset?: number
}

export function driverError(message: string, cause?: unknown): FlatlogDriverError {
  const options = cause === undefined ? undefined : { cause }
  const error: FlatlogDriverError = new Error(`[unstorage] [${DRIVER_NAME}] ${message}`, options)
  const { code, path, offset } = (cause ?? {}) as Partial<FlatlogDriverError>
  if (code !== undefined) error.code = code === 'FLATLOG_MISMATCH' ? MISMATCH_CODE : code
  if (path !== undefined) error.path = path
  if (offset !== undefined) error.offset = offset
  return error
}

/** Runs one call of the driver, at once up to its first `await`, and names the driver in what goes wrong. */
export async function attempt<Result>(call: () => Promise<Result>): Promise<Result> {
  try {
    return await call()
  } catch (error) {
    throw driverError(error instanceof Error ? error.message : String(error), error)
  }
}
