import { mkdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import pg from 'pg'
import { type Block, blocksOf, quickStarts, read, root } from '../../docs/markdown.ts'
import { freePort } from '../../support/port.ts'
import { missingEngine } from './prisma.ts'
import { Terminal } from './terminal.ts'

interface Newcomer {
  /** Empty. */
  folder: string
  /** What `npm install postern` would bring. */
  tarball: string
  databaseUrl: string
}

/** The page ends where it has been followed: after that it is for looking things up. */
const end = /^## (?:Another client|When something is wrong)$/m

/** Follows a quick start from its first block to its last; throws with the place where it does not hold. */
export async function follow(page: string, newcomer: Newcomer): Promise<void> {
  const last = read(page).split(end)[0]?.split('\n').length ?? 0
  const port = await freePort()
  const terminal = new Terminal(newcomer.folder, {
    PORT: String(port),
    POSTERN_URL: `http://localhost:${port}${page.includes('next') ? '/api' : ''}/source`,
  })
  try {
    for (const block of blocksOf(page).filter(({ line }) => line < last)) {
      try {
        await step(block, terminal, newcomer)
      } catch (error) {
        throw new Error(`${page}:${block.line}: ${error instanceof Error ? error.message : error}`)
      }
    }
  } finally {
    terminal.close()
  }
}

async function step(block: Block, terminal: Terminal, newcomer: Newcomer): Promise<void> {
  const { file, language, text } = block
  if (file !== undefined) {
    const path = join(terminal.directory, file)
    mkdirSync(dirname(path), { recursive: true })
    // The one thing that the page leaves to its reader.
    writeFileSync(path, text.replace(/^(DATABASE_URL=).*/m, `$1${newcomer.databaseUrl}`))
  } else if (language === 'sh') {
    await type(text, terminal, newcomer, block.page)
  } else if (language === 'text') {
    if (terminal.shown.trimEnd() !== text.trimEnd()) {
      throw new Error(`the page says\n${text}and there is\n${terminal.shown}`)
    }
  } else {
    throw new Error(`nobody knows what to do with a block of ${language}`)
  }
}

async function type(text: string, terminal: Terminal, newcomer: Newcomer, page: string): Promise<void> {
  if (text.startsWith('docker run ')) {
    console.log(`  ${text.trim()}: not typed, a Postgres is there`)
    return
  }
  const script = text.replace(/^npm install postern\b/m, `npm install ${newcomer.tarball}`)
  const engine = /^npx prisma /m.test(script) ? await missingEngine() : undefined
  if (engine === undefined) return terminal.type(script)
  // Prisma downloads a binary for `db push`, from a host of its own that not every machine can reach.
  console.log(`  ${engine.reason}: its tables are made by the example's migration instead`)
  const client = new pg.Client(newcomer.databaseUrl)
  await client.connect()
  await client.query(engine.sql(join(root, quickStarts[page] ?? '')))
  await client.end()
  await terminal.type(script.replace(/^npx prisma db push\n/m, ''), engine.env)
}
