import { globSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path/posix'

/** Every file below `directory` with the given extension, with forward slashes, sorted. */
export function filesBelow(directory: string, extension: string): string[] {
  return globSync(`${directory}/**/*${extension}`)
    .map((file) => file.replaceAll('\\', '/'))
    .sort()
}

/** What a module imports or re-exports: files as paths from the repository's root, packages by their name. */
export function importsOf(file: string): { files: string[]; packages: string[] } {
  const code = readFileSync(file, 'utf8')
    .replace(/\/\*[\s\S]*?\*\//g, '') // docstrings show imports of their own
    .replace(/^\s*\/\/.*$/gm, '')
  const statements = /^\s*(?:import|export)\b[^'"`;]*?\bfrom\s*['"]([^'"]+)['"]/gm
  const sideEffects = /^\s*import\s*['"]([^'"]+)['"]/gm
  const dynamic = /\bimport\(\s*['"]([^'"]+)['"]/g
  const specifiers = [statements, sideEffects, dynamic].flatMap((pattern) =>
    [...code.matchAll(pattern)].map(([, specifier = '']) => specifier),
  )
  return {
    files: specifiers.filter((s) => s.startsWith('.')).map((s) => join(dirname(file), s)),
    packages: specifiers.filter((s) => !s.startsWith('.')).map(packageName),
  }
}

function packageName(specifier: string): string {
  if (specifier.startsWith('node:')) return specifier
  return specifier
    .split('/')
    .slice(0, specifier.startsWith('@') ? 2 : 1)
    .join('/')
}
