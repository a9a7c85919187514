import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { freePort } from '../../support/port.ts'

/** NATS servers that can be killed and come back with what they had: one, or a cluster. */
export interface Broker extends AsyncDisposable {
  readonly servers: readonly string[]
  /** Kills the server of this name with SIGKILL, and starts it again. The only one has the name `n0`. */
  restart(name: string): Promise<void>
}

export async function startBroker(size: number): Promise<Broker> {
  const directory = mkdtempSync(join(tmpdir(), 'postern-broker-'))
  const nodes = await Promise.all(
    Array.from({ length: size }, async (_, n) => ({
      name: `n${n}`,
      port: await freePort(),
      route: await freePort(),
    })),
  )
  const start = ({ name, port, route }: (typeof nodes)[number]): ChildProcess => {
    const own = ['-a', '127.0.0.1', '-p', String(port), '-n', name, '-js', '-sd', join(directory, name)]
    const others = nodes.filter((one) => one.name !== name).map((one) => `nats://127.0.0.1:${one.route}`)
    const cluster = [
      '--cluster_name',
      'c',
      '--cluster',
      `nats://127.0.0.1:${route}`,
      '--routes',
      others.join(),
    ]
    return spawn('nats-server', size === 1 ? own : [...own, ...cluster], { stdio: 'ignore' })
  }
  const running = new Map(nodes.map((node) => [node.name, start(node)]))
  return {
    servers: nodes.map(({ port }) => `nats://127.0.0.1:${port}`),
    async restart(name) {
      const node = nodes.find((one) => one.name === name)
      if (node === undefined) throw new Error(`no server ${name}`)
      await end(running.get(name))
      running.set(name, start(node))
    },
    async [Symbol.asyncDispose]() {
      await Promise.all([...running.values()].map(end))
      rmSync(directory, { recursive: true, force: true })
    },
  }
}

async function end(server: ChildProcess | undefined): Promise<void> {
  if (server === undefined || server.exitCode !== null || server.signalCode !== null) return
  const exited = once(server, 'exit')
  server.kill('SIGKILL')
  await exited
}
