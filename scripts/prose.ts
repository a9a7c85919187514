// The words of a file that people read. All else is blanked, so that a place in the prose is the same place in the file.
import { ts } from 'ts-morph'

/** Stands for a character that is not prose. No phrase goes across it. */
const BLANK = '\0'

type Span = readonly [start: number, end: number]

/** What of a file is prose, by its ending; undefined where it has none that is checked. */
export function proseOf(file: string, text: string): string | undefined {
  if (/\.[cm]?[jt]sx?$/.test(file)) return quoted(keep(text, spansOfCode(file, text)))
  if (file.endsWith('.sql')) return quoted(keep(text, spansOfSql(text)))
  if (file.endsWith('.md')) return quoted(keep(text, spansOfMarkdown(text)))
  return undefined
}

function keep(text: string, spans: readonly Span[]): string {
  const out = text.split('').map((character) => (/\s/.test(character) ? character : BLANK))
  for (const [start, end] of spans) {
    for (let index = start; index < end; index++) out[index] = text[index] ?? BLANK
  }
  return out.join('')
}

/** Without names in backticks, one word in quotes, addresses, and the marks that begin a comment's line. */
const quoted = (prose: string): string =>
  prose
    .replace(/`[^`\n]*`|"[^"\s]*"|(?<=[\s\0(])'[^'\s]*'|https?:\S+|\]\([^)\n]*\)/g, blank)
    .replace(/^[ \t]*(?:\/\/|\/?\*+|--|>|#+)/gm, (mark) => mark.replace(/[^\n]/g, ' '))

const blank = (text: string): string => text.replace(/\S/g, BLANK)

/** Comments, and strings of more than one word: one word is a name or a value of the wire. */
function spansOfCode(file: string, text: string): Span[] {
  const source = ts.createSourceFile(file, text, ts.ScriptTarget.Latest, true)
  const spans: Span[] = []
  const visit = (node: ts.Node): void => {
    const comments = [
      ...(ts.getLeadingCommentRanges(text, node.pos) ?? []),
      ...(ts.getTrailingCommentRanges(text, node.end) ?? []),
    ]
    for (const { pos, end } of comments) spans.push([pos, end])
    if (ts.isStringLiteralLike(node) || ts.isTemplateHead(node) || ts.isTemplateMiddleOrTemplateTail(node)) {
      // a template's parts begin and end with a mark or a brace, which are no part of a phrase
      if (/\S\s+\S/.test(node.text) || !ts.isStringLiteralLike(node)) {
        spans.push([node.getStart(source) + 1, node.end - 1])
      }
    } else if (ts.isJsxText(node)) {
      spans.push([node.pos, node.end])
    }
    if (node.kind < ts.SyntaxKind.FirstJSDocNode || node.kind > ts.SyntaxKind.LastJSDocNode) {
      for (const child of node.getChildren(source)) visit(child)
    }
  }
  visit(source)
  return spans
}

/** Comments, and the messages in quotes. */
const spansOfSql = (text: string): Span[] =>
  [...text.matchAll(/--[^\n]*|'(?:[^']|'')*'/g)].map(({ 0: found, index }) => [index, index + found.length])

const FENCE = /^[ \t]*```(\w*)[^\n]*\n([\s\S]*?)^[ \t]*```[^\n]*$/gm

/** The page without its code; of the code, what a reader reads. */
function spansOfMarkdown(text: string): Span[] {
  const spans: Span[] = []
  let end = 0
  for (const { 0: whole, 1: language = '', 2: code = '', index } of text.matchAll(FENCE)) {
    spans.push([end, index])
    end = index + whole.length
    const start = index + whole.indexOf('\n') + 1
    const inside = /^(?:[jt]sx?|typescript)$/.test(language)
      ? spansOfCode(`block.${language.endsWith('x') ? 'tsx' : 'ts'}`, code)
      : language === 'sql'
        ? spansOfSql(code)
        : [...code.matchAll(language === '' ? /.*/g : /(?<=\s|^)#\s[^\n]*/g)].map(
            ({ 0: found, index: at }): Span => [at, at + found.length],
          )
    for (const [from, to] of inside) spans.push([start + from, start + to])
  }
  spans.push([end, text.length])
  return spans
}
