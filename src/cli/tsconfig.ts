import { existsSync, readFileSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'

/** The files that a specifier may stand for, by the `paths` of the nearest `tsconfig.json`; `extends` is not followed. */
export function aliasesOf(directory: string): (specifier: string) => string[] {
  const file = nearest(directory)
  if (file === undefined) return () => []
  const { compilerOptions = {} } = (readJsonc(file) ?? {}) as {
    compilerOptions?: { baseUrl?: string; paths?: Record<string, string[]> }
  }
  const base = resolve(dirname(file), compilerOptions.baseUrl ?? '.')
  const paths = Object.entries(compilerOptions.paths ?? {})
  return (specifier) =>
    paths.flatMap(([pattern, targets]) => {
      const [before = '', after] = pattern.split('*')
      const fits =
        after === undefined
          ? specifier === pattern
          : specifier.startsWith(before) && specifier.endsWith(after)
      if (!fits) return []
      const rest = after === undefined ? '' : specifier.slice(before.length, specifier.length - after.length)
      return targets.map((target) =>
        resolve(
          base,
          target.replace('*', () => rest),
        ),
      )
    })
}

function nearest(directory: string): string | undefined {
  for (let at = resolve(directory); ; at = dirname(at)) {
    const file = join(at, 'tsconfig.json')
    if (existsSync(file)) return file
    if (dirname(at) === at) return undefined
  }
}

/** JSON with comments and trailing commas; undefined when it is not even that. */
export function readJsonc(file: string): unknown {
  const kept = (_: string, string?: string): string => string ?? ' '
  // Comments first: one may stand between a trailing comma and its bracket.
  const text = readFileSync(file, 'utf8')
    .replace(/^\uFEFF/, '')
    .replace(/("(?:\\.|[^"\\])*")|\/\/[^\n]*|\/\*[\s\S]*?\*\//g, kept)
    .replace(/("(?:\\.|[^"\\])*")|,(?=\s*[}\]])/g, kept)
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
