import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { jetstreamManager } from '@nats-io/jetstream'
import { connect } from '@nats-io/transport-node'
import { freePort } from '../../support/port.ts'

export interface NatsServer extends AsyncDisposable {
  readonly url: string
}

const installed = (): boolean => spawnSync('nats-server', ['--version']).status === 0

/** Why there is no NATS server to test with; undefined when there is one. */
export const noNats: string | undefined =
  process.env.NATS_URL || installed()
    ? undefined
    : 'no nats-server on the PATH, and no NATS_URL: NATS is not tested'
if (noNats !== undefined) console.log(noNats)

/** The server of NATS_URL, or one of our own with JetStream. */
export async function startNats(): Promise<NatsServer> {
  if (process.env.NATS_URL) return { url: process.env.NATS_URL, async [Symbol.asyncDispose]() {} }
  const directory = mkdtempSync(join(tmpdir(), 'postern-nats-'))
  const port = await freePort()
  const child = spawn('nats-server', ['-a', '127.0.0.1', '-p', String(port), '-js', '-sd', directory], {
    stdio: 'ignore',
  })
  const exited = once(child, 'exit')
  const kill = (): void => void child.kill('SIGKILL')
  process.once('exit', kill)
  const url = `nats://127.0.0.1:${port}`
  for (let attempt = 0; ; attempt += 1) {
    try {
      const connection = await connect({ servers: url, reconnect: false })
      await jetstreamManager(connection)
      await connection.close()
      break
    } catch (error) {
      if (attempt === 200 || child.exitCode !== null) throw error
      await sleep(25)
    }
  }
  return {
    url,
    async [Symbol.asyncDispose]() {
      kill()
      await exited
      process.removeListener('exit', kill)
      rmSync(directory, { recursive: true, force: true })
    },
  }
}
