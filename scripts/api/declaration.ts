import { type ClassDeclaration, type JSDoc, Node, type VariableDeclaration } from 'ts-morph'

/** A declaration as a reader of the API needs it. */
export interface Declared {
  readonly name: string
  readonly kind: 'value' | 'type'
  /** TypeScript, without what is in bodies. */
  readonly signature: string
  /** The docstring's prose; empty where there is none. */
  readonly text: string
  readonly examples: readonly string[]
  readonly throws: readonly string[]
  /** From the repository's root. */
  readonly file: string
  /** Names of the interfaces that it extends. */
  readonly heritage: readonly string[]
}

export function declaredAs(name: string, node: Node, file: string): Declared {
  const documented = Node.isVariableDeclaration(node) ? node.getVariableStatement() : node
  const docs = Node.isJSDocable(documented) ? documented.getJsDocs() : []
  const doc = docs.at(-1)
  return {
    name,
    kind: Node.isInterfaceDeclaration(node) || Node.isTypeAliasDeclaration(node) ? 'type' : 'value',
    signature: signatureOf(node),
    text: prose(doc),
    examples: tags(doc, 'example'),
    throws: tags(doc, 'throws'),
    file,
    heritage: Node.isInterfaceDeclaration(node)
      ? node.getExtends().flatMap((one) => [...one.getText().matchAll(/\b[A-Z]\w+/g)].map(([found]) => found))
      : [],
  }
}

const prose = (doc: JSDoc | undefined): string => {
  const parameters = tags(doc, 'param').map(
    (text) => `- ${text.replace(/^(\S+)\s+/, '`$1`: ').replace(/^-\s/, '')}`,
  )
  return [doc?.getDescription().trim() ?? '', parameters.join('\n')]
    .filter((part) => part !== '')
    .join('\n\n')
}

function tags(doc: JSDoc | undefined, wanted: string): string[] {
  return (doc?.getTags() ?? [])
    .filter((tag) => tag.getTagName() === wanted)
    .map((tag) => {
      const name = Node.isJSDocParameterTag(tag) ? `${tag.getName()} ` : ''
      return `${name}${tag.getCommentText()?.trim() ?? ''}`
    })
}

function signatureOf(node: Node): string {
  if (Node.isFunctionDeclaration(node)) {
    const overloads = node.getOverloads()
    return (overloads.length > 0 ? overloads : [node]).map(headOf).join('\n')
  }
  if (Node.isClassDeclaration(node)) return classHead(node)
  if (Node.isVariableDeclaration(node)) return variableHead(node)
  return withoutDocs(node)
}

const headOf = (node: Node): string => {
  const body = Node.isBodyable(node) ? node.getBody() : undefined
  const text = node.getText()
  const head = body === undefined ? text : text.slice(0, body.getStart() - node.getStart())
  return head.replace(/^export (?:async )?/, '').trim()
}

function classHead(node: ClassDeclaration): string {
  const members = node
    .getMembers()
    .filter((member) => !/^(?:private |#)/.test(member.getText()))
    .map((member) => {
      const docs = Node.isJSDocable(member) ? member.getJsDocs().map((doc) => `${doc.getText()}\n`) : []
      const initializer = Node.isPropertyDeclaration(member) ? member.getInitializer() : undefined
      const text = initializer === undefined ? headOf(member) : member.getText().trim()
      return `${docs.join('')}${text}`.replace(/(?<=\n) {2}/g, '').replace(/^/gm, '  ')
    })
  const head = node
    .getText()
    .slice(0, node.getText().indexOf('{'))
    .replace(/^export /, '')
    .trim()
  return members.length === 0 ? head : `${head} {\n${members.join('\n')}\n}`
}

function variableHead(node: VariableDeclaration): string {
  const type = node.getTypeNode()
  if (type !== undefined) return `const ${node.getName()}: ${type.getText()}`
  const initializer = node.getInitializer()
  if (Node.isArrowFunction(initializer)) {
    const head = initializer.getText().slice(0, initializer.getBody().getStart() - initializer.getStart())
    return `const ${node.getName()} = ${head.trim()} ...`
  }
  const text = node.getText()
  return `const ${text.split('\n').length > 60 ? `${node.getName()} = ...` : text}`
}

const withoutDocs = (node: Node): string =>
  node
    .getText()
    .replace(/^\/\*\*[\s\S]*?\*\/\s*/, '')
    .replace(/^export /, '')
