// Writes into each quick start the files of its example as they are. Run: node scripts/docs-quick-starts.ts
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { quickStarts, root } from '../test/docs/markdown.ts'

/** The page with every block that is a file of its example written anew. */
export function quickStartPage(page: string): string {
  const example = quickStarts[page] ?? ''
  const markdown = readFileSync(join(root, page), 'utf8')
  return markdown.replace(
    /^(```\w+\n(?:\/\/|#|--) (\S+)\n)[\s\S]*?^```$/gm,
    (block, head: string, name: string) => {
      const file = join(root, example, name === '.env' ? '.env.example' : name)
      return existsSync(file) ? `${head}${readFileSync(file, 'utf8')}\`\`\`` : block
    },
  )
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  for (const page of Object.keys(quickStarts)) writeFileSync(join(root, page), quickStartPage(page))
}
