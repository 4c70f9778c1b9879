export const DRIVER_NAME = 'flatlog'

/** The code of a failed condition, as in the proposal for conditional writes in unstorage. */
export const MISMATCH_CODE = 'ERR_CAS_MISMATCH'

/** An error of the driver, with the code, path and offset of the log's error, which is its cause. */
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

/** Runs one call of the driver, synchronously up to its first `await`, and turns a failure into a driver error. */
export async function withDriverErrors<Result>(call: () => Promise<Result>): Promise<Result> {
  try {
    return await call()
  } catch (error) {
    throw driverError(error instanceof Error ? error.message : String(error), error)
  }
}
