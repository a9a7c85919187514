import { spawn } from 'node:child_process'
import { readFileSync, rmSync } from 'node:fs'
import { delimiter, dirname, join } from 'node:path'
import { root } from '../../docs/markdown.ts'
import { type Running, startProcess } from '../../support/process.ts'

/** The last line of a block that goes on until it is stopped, and what it writes when it is ready. */
const serving = /^(?:npm start|npm run dev|node .*\bserver\.ts)$/
const ready = /Ready|^http:\/\/localhost:/m

/** A terminal that remembers its directory. What serves goes on in another one. */
export class Terminal {
  directory: string
  /** What the last block wrote on its standard output. */
  shown = ''
  readonly #env: NodeJS.ProcessEnv
  #server: Running | undefined

  constructor(directory: string, env: NodeJS.ProcessEnv) {
    this.directory = directory
    this.#env = { ...environment(), ...env }
  }

  async type(script: string, env: NodeJS.ProcessEnv = {}): Promise<void> {
    const lines = script.trimEnd().split('\n')
    for (const line of lines) console.log(`  $ ${line}`)
    const serve = serving.test(lines.at(-1) ?? '') ? lines.pop() : undefined
    if (lines.length > 0) await this.#run(lines.join('\n'), { ...this.#env, ...env })
    if (serve !== undefined) {
      const options = { cwd: this.directory, env: this.#env }
      this.#server = await startProcess(['/bin/sh', '-c', serve], ready, options)
    }
  }

  async #run(script: string, env: NodeJS.ProcessEnv): Promise<void> {
    const note = join(this.directory, '.directory')
    const args = ['-e', '-c', `${script}\npwd > ${JSON.stringify(note)}`]
    const child = spawn('bash', args, { cwd: this.directory, env, stdio: ['ignore', 'pipe', 'pipe'] })
    let everything = ''
    this.shown = ''
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      this.shown += text
      everything += text
    })
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      everything += text
    })
    const code = await new Promise((resolve) => child.on('close', resolve))
    if (code !== 0) throw new Error(`it ended with ${code}\n${everything}`)
    this.directory = readFileSync(note, 'utf8').trim()
    rmSync(note)
  }

  close(): void {
    this.#server?.stop()
  }
}

/** A newcomer's environment: this Node, and nothing of the repository that the script was started in. */
function environment(): NodeJS.ProcessEnv {
  const env: NodeJS.ProcessEnv = {}
  for (const [name, value] of Object.entries(process.env)) {
    const ofNpm = /^npm_/.test(name) && !/^npm_config_(?:registry|cache|userconfig)$/.test(name)
    if (!ofNpm && !['INIT_CWD', 'NODE_OPTIONS', 'NODE_ENV', 'DATABASE_URL', 'POSTERN_KEY'].includes(name)) {
      env[name] = value
    }
  }
  const path = (env.PATH ?? '').split(delimiter).filter((place) => !place.startsWith(root))
  env.PATH = [dirname(process.execPath), ...path].join(delimiter)
  return {
    ...env,
    NEXT_TELEMETRY_DISABLED: '1',
    CHECKPOINT_DISABLE: '1',
    npm_config_yes: 'true',
    CI: 'true',
    NO_COLOR: '1',
  }
}
