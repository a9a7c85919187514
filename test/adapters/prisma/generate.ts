// Makes the Prisma client that tests and their types need, unless it is there already: `node test/adapters/prisma/generate.ts`.
import { spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { cp, mkdtemp, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import path from 'node:path'
import { fileURLToPath } from 'node:url'

const directory = import.meta.dirname
const generated = path.join(directory, 'generated')
const require = createRequire(import.meta.url)

/** Safe to call from several processes at once: the client appears whole, or not at all. */
export async function generatePrismaClient(): Promise<void> {
  const manifest = require.resolve('prisma/package.json')
  const sources = [path.join(directory, 'schema.prisma'), manifest]
  const hash = createHash('sha256')
  for (const source of sources) hash.update(await readFile(source))
  const stamp = hash.digest('hex')
  if ((await readFile(path.join(generated, 'stamp'), 'utf8').catch(() => '')) === stamp) return

  // below this directory, so that the client finds its runtime
  const draft = await mkdtemp(path.join(directory, 'generated-'))
  try {
    for (const name of ['schema.prisma', 'prisma.config.ts']) {
      await cp(path.join(directory, name), path.join(draft, name))
    }
    await run(path.join(path.dirname(manifest), 'build/index.js'), draft)
    await writeFile(path.join(draft, 'generated', 'stamp'), stamp)
    await rm(generated, { recursive: true, force: true })
    await rename(path.join(draft, 'generated'), generated).catch(async (error: unknown) => {
      // somebody else was faster
      if ((await readFile(path.join(generated, 'stamp'), 'utf8').catch(() => '')) !== stamp) throw error
    })
  } finally {
    await rm(draft, { recursive: true, force: true })
  }
}

async function run(prisma: string, cwd: string): Promise<void> {
  const env = { ...process.env, CHECKPOINT_DISABLE: '1', PRISMA_HIDE_UPDATE_MESSAGE: '1' }
  const child = spawn(process.execPath, [prisma, 'generate'], { cwd, env, stdio: ['ignore', 'pipe', 'pipe'] })
  let output = ''
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (data) => (output += String(data)))
  const [code] = await once(child, 'close')
  if (code !== 0) throw new Error(`prisma generate failed:\n${output}`)
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await generatePrismaClient()
