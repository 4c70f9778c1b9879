export function installPacked(names: readonly string[], nodeModules: string): void
