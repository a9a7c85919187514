import { readFileSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { Node, Project, type SourceFile } from 'ts-morph'
import { type Declared, declaredAs } from './declaration.ts'

const root = join(import.meta.dirname, '../..')

/** Where the first sentence about an entry's first value does not say what the entry is for. */
const summaries: Readonly<Record<string, string>> = {
  postern: 'The endpoint, the schema, the errors, and the types of all that',
  'postern/client': 'The calling side: signs, sends, retries, follows the feed',
  'postern/postgres':
    'The engine on Postgres: migrations, checks, grants, operation; the seam for a client library of your own',
  'postern/drizzle': 'The data source on Drizzle, and a schema made from its tables',
  'postern/prisma': 'The data source on Prisma, and a schema made from its client',
  'postern/conformance': 'The promises of the protocol as checks, for any endpoint or adapter',
  'postern/relay': 'Pushes the feed to where it is wanted, at least once and in order',
  'postern/testing': 'Sealed fixtures and test sessions for end-to-end tests',
}

/** What one line of `exports` in package.json gives an application. */
export interface Entry {
  /** `postern/pg` */
  readonly name: string
  /** One line. */
  readonly summary: string
  readonly exported: readonly Declared[]
  /** What an exported interface is made of, and an application cannot name. */
  readonly parts: readonly Declared[]
}

/**
 * The public API. Files are parsed and their re-exports followed by name, without a type checker: that one would read
 * the types of every library that the adapters work with.
 */
export function entries(): Entry[] {
  const { name: own, exports } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))
  const project = new Project({ skipAddingFilesFromTsConfig: true, skipFileDependencyResolution: true })
  const open = (path: string): SourceFile => project.getSourceFile(path) ?? project.addSourceFileAtPath(path)

  const found: Entry[] = []
  for (const [entry, conditions] of Object.entries<{ 'postern-source'?: string }>(exports)) {
    const source = conditions['postern-source']
    if (source === undefined) continue
    const exported = [...exportsOf(open(join(root, source)), open)].map(([name, place]) =>
      describe(name, place),
    )
    const names = new Set(exported.map(({ name }) => name))
    const parts = new Map<string, Declared>()
    for (const one of exported) collectParts(one, names, parts, open)
    const summary =
      (exported.find(({ kind, text }) => kind === 'value' && text !== '') ?? exported[0])?.text ?? ''
    found.push({
      name: entry.replace('.', own),
      summary:
        summaries[entry.replace('.', own)] ?? summary.split(/\.(?:\s|$)/)[0]?.replaceAll('\n', ' ') ?? '',
      exported: exported.toSorted((a, b) => Number(a.kind === 'type') - Number(b.kind === 'type')),
      parts: [...parts.values()],
    })
  }
  return found
}

/** Where a name is declared: a node of ours, or the package that it comes from. */
type Place = Node | string
type Open = (path: string) => SourceFile

const describe = (name: string, place: Place): Declared =>
  typeof place === 'string'
    ? {
        name,
        kind: 'value',
        signature: `export { ${name} } from '${place}'`,
        text: `\`${name}\` of ${place}, as it is.`,
        examples: [],
        throws: [],
        file: place,
        heritage: [],
      }
    : declaredAs(name, place, relative(root, place.getSourceFile().getFilePath()))

function exportsOf(file: SourceFile, open: Open): Map<string, Place> {
  const all = new Map<string, Place>()
  for (const statement of file.getExportDeclarations()) {
    const from = statement.getModuleSpecifierValue()
    const named = statement.getNamedExports()
    if (from === undefined) {
      for (const one of named) {
        const name = one.getName()
        all.set(one.getAliasNode()?.getText() ?? name, declarationOf(file, name, open))
      }
    } else if (!from.startsWith('.')) {
      for (const one of named) all.set(one.getAliasNode()?.getText() ?? one.getName(), from)
    } else {
      const target = open(join(dirname(file.getFilePath()), from))
      if (named.length === 0) for (const [name, place] of exportsOf(target, open)) all.set(name, place)
      for (const one of named) {
        all.set(one.getAliasNode()?.getText() ?? one.getName(), declarationOf(target, one.getName(), open))
      }
    }
  }
  for (const statement of file.getStatements()) {
    if (Node.isVariableStatement(statement)) {
      if (statement.isExported()) for (const one of statement.getDeclarations()) all.set(one.getName(), one)
    } else if (Node.isExportable(statement) && statement.isExported() && Node.hasName(statement)) {
      // Of overloads the first one has the docstring.
      if (!all.has(statement.getName())) all.set(statement.getName(), statement)
    }
  }
  return all
}

/** The declaration of a name in a file, or in the file that it is imported from. */
function declarationOf(file: SourceFile, name: string, open: Open): Place {
  const here =
    file.getInterface(name) ?? file.getTypeAlias(name) ?? file.getFunction(name) ?? file.getClass(name)
  const local = here ?? file.getVariableDeclaration(name)
  if (local !== undefined) return local
  for (const statement of file.getImportDeclarations()) {
    const imported = statement
      .getNamedImports()
      .find((one) => (one.getAliasNode()?.getText() ?? one.getName()) === name)
    if (imported === undefined) continue
    const from = statement.getModuleSpecifierValue()
    if (!from.startsWith('.')) return from
    return declarationOf(open(join(dirname(file.getFilePath()), from)), imported.getName(), open)
  }
  const passedOn = exportsOf(file, open).get(name)
  if (passedOn === undefined) throw new Error(`${file.getFilePath()} has no ${name}`)
  return passedOn
}

/** Interfaces that this one extends and that nothing exports, and those that they extend. */
function collectParts(
  one: Declared,
  names: ReadonlySet<string>,
  parts: Map<string, Declared>,
  open: Open,
): void {
  for (const name of one.heritage) {
    if (names.has(name) || parts.has(name)) continue
    let place: Place
    try {
      place = declarationOf(open(join(root, one.file)), name, open)
    } catch {
      continue // a type of the language, such as Error
    }
    if (typeof place === 'string') continue
    const part = describe(name, place)
    parts.set(name, part)
    collectParts(part, names, parts, open)
  }
}
