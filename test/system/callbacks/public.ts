import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Node, Project, type Symbol as TsSymbol, type Type } from 'ts-morph'

const root = fileURLToPath(new URL('../../..', import.meta.url))

/** Made by the package, and so no callbacks of the application's, wherever they come back in. */
const OURS = new Set([
  'Schema',
  'Model',
  'PostgresAdapter',
  'Fixture',
  'Endpoint',
  'Client',
  'TestSession',
  'TestSessions',
  'PgliteClass',
  'ModelDefinition',
])

/**
 * Every function that the package takes from an application, as `Interface.member`: whatever a parameter of an exported
 * function holds, however deep, and whatever is in what such a function gives back. Found in the types, so that a new
 * one cannot be forgotten.
 */
export function publicCallbacks(): string[] {
  const { exports } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
    exports: Record<string, { 'postern-source'?: string } | string>
  }
  const project = new Project({
    tsConfigFilePath: join(root, 'tsconfig.json'),
    skipAddingFilesFromTsConfig: true,
  })
  const found = new Set<string>()
  const seen = new Set<unknown>()
  for (const entry of Object.values(exports)) {
    const file = typeof entry === 'string' ? undefined : entry['postern-source']
    if (file === undefined) continue
    const source = project.addSourceFileAtPath(join(root, file))
    for (const [, declarations] of source.getExportedDeclarations()) {
      for (const declaration of declarations) {
        if (Node.isSourceFile(declaration)) continue
        for (const signature of declaration.getType().getCallSignatures()) {
          for (const parameter of signature.getParameters())
            given(typeOf(parameter, declaration), declaration)
        }
      }
    }
  }

  /** A value of this type comes from the application. */
  function given(type: Type, at: Node): void {
    if (seen.has(type.compilerType)) return
    seen.add(type.compilerType)
    if (type.isUnion() || type.isIntersection()) {
      for (const part of [...type.getUnionTypes(), ...type.getIntersectionTypes()]) given(part, at)
      return
    }
    const constraint = type.getConstraint()
    if (type.isTypeParameter()) {
      if (constraint !== undefined) given(constraint, at)
      return
    }
    const name = type.getSymbol()?.getName() ?? ''
    const alias = type.getAliasSymbol()?.getName() ?? ''
    if (OURS.has(name) || OURS.has(alias)) return
    const wrapped = type.getTypeArguments()
    if (!type.isObject()) return
    if (!isSource(type.getSymbol())) {
      // Promise<T>, readonly T[], Record<string, T>, Partial<T>
      for (const argument of [...wrapped, ...type.getAliasTypeArguments()]) given(argument, at)
      const index = type.getStringIndexType()
      if (index !== undefined) given(index, at)
      if (!/^(?:__type|Object|Array|ReadonlyArray|Promise)$/.test(name)) return
    }
    for (const signature of type.getCallSignatures()) {
      given(signature.getReturnType(), at)
      // What an application hands to a function that it was given is the application's too.
      for (const parameter of signature.getParameters()) {
        for (const inner of typeOf(parameter, at).getCallSignatures())
          for (const handed of inner.getParameters()) given(typeOf(handed, at), at)
      }
    }
    const index = type.getStringIndexType()
    if (index !== undefined) given(index, at)
    for (const member of type.getProperties()) {
      if (!isSource(member)) continue
      const memberType = typeOf(member, at)
      const called = memberType.getNonNullableType()
      const parts = called.isUnion() ? called.getUnionTypes() : [called]
      if (parts.some((part) => part.getCallSignatures().length > 0)) {
        const holder = holderOf(member)
        if (!OURS.has(holder)) found.add(`${holder}.${member.getName()}`)
      }
      for (const part of parts) given(part, at)
    }
  }
  return [...found].sort()
}

const typeOf = (symbol: TsSymbol, at: Node): Type =>
  symbol.getTypeAtLocation(symbol.getValueDeclaration() ?? at)

const isSource = (symbol: TsSymbol | undefined): boolean =>
  symbol
    ?.getDeclarations()
    .some((node) => node.getSourceFile().getFilePath().startsWith(join(root, 'src/'))) ?? false

/** The interface or type that a member stands in. */
function holderOf(member: TsSymbol): string {
  for (
    let node: Node | undefined = member.getDeclarations()[0];
    node !== undefined;
    node = node.getParent()
  ) {
    if (
      Node.isInterfaceDeclaration(node) ||
      Node.isTypeAliasDeclaration(node) ||
      Node.isClassDeclaration(node)
    )
      return node.getName() ?? ''
    if (Node.isFunctionDeclaration(node)) return node.getName() ?? ''
  }
  return ''
}
