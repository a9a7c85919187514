import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'

export const root = join(import.meta.dirname, '../..')

/** Quick starts, and the example that each ends with. */
export const quickStarts: Readonly<Record<string, string>> = {
  'docs/quick-start-next.md': 'examples/next-drizzle',
  'docs/quick-start-next-prisma.md': 'examples/next-prisma',
  'docs/quick-start-express.md': 'examples/express-kysely',
}

/** A fenced block of code in a page. */
export interface Block {
  /** The page, as a path from the repository's root. */
  readonly page: string
  /** The line of its fence, from 1. */
  readonly line: number
  readonly language: string
  readonly text: string
  /** `// lib/schema.ts` or `# .env` on its first line: the block is that file. */
  readonly file: string | undefined
}

/** Every page that a reader may come to: what git knows, and what is about to be added. */
export const pages: readonly string[] = execFileSync(
  'git',
  ['ls-files', '--cached', '--others', '--exclude-standard', '--', '*.md'],
  { cwd: root, encoding: 'utf8' },
)
  .split('\n')
  .filter((page) => page !== '' && !page.includes('node_modules/'))

export const read = (page: string): string => readFileSync(join(root, page), 'utf8')

const FENCE = /^```([^\n]*)\n([\s\S]*?)^```$/gm
const FILE = /^(?:\/\/|#|--) (\S+\.\w+|\.env)$/

/** The fenced blocks of a page, in their order. */
export function blocksOf(page: string): Block[] {
  const markdown = read(page)
  return [...markdown.matchAll(FENCE)].map((match) => {
    const [, language = '', text = ''] = match
    return {
      page,
      line: markdown.slice(0, match.index).split('\n').length,
      language,
      text,
      file: FILE.exec(text.split('\n', 1)[0] ?? '')?.[1],
    }
  })
}

/** The block that is this file of the page. */
export function fileOf(page: string, file: string): string {
  const found = blocksOf(page).find((block) => block.file === file)
  if (found === undefined) throw new Error(`${page} has no block that begins with // ${file}`)
  return found.text
}

/** A page without its code, for what is written as prose. */
export const proseOf = (page: string): string =>
  read(page)
    .replace(FENCE, '')
    .replace(/`[^`\n]*`/g, '')

/** The anchors of a page's headings, as GitHub makes them. */
export function anchorsOf(page: string): Set<string> {
  const headings = read(page)
    .replace(FENCE, '')
    .matchAll(/^#{1,6} (.+)$/gm)
  const taken = new Map<string, number>()
  const anchors = [...headings].map(([, heading = '']) => {
    const slug = heading
      .toLowerCase()
      .replace(/[^\p{L}\p{N}\s_-]/gu, '')
      .trim()
      .replaceAll(' ', '-')
    const before = taken.get(slug) ?? 0
    taken.set(slug, before + 1)
    return before === 0 ? slug : `${slug}-${before}`
  })
  return new Set(anchors)
}
