import type { Progress } from './soak.ts'

const WIDTH = 30

/** One line that is written over and over on a terminal; elsewhere a line for each tenth of the work. */
export class ProgressBar {
  readonly #total: number
  readonly #began = performance.now()
  #tenth = 0

  constructor(total: number) {
    this.#total = total
  }

  show({ done, acknowledged, disturbances }: Progress): void {
    const part = Math.min(1, done / this.#total)
    const seconds = (performance.now() - this.#began) / 1000
    const filled = Math.round(part * WIDTH)
    const left = part > 0 ? Math.round((seconds / part) * (1 - part)) : 0
    const { cuts, killsOfPostgres, killsOfApplication, freezes } = disturbances
    const line = [
      `${'█'.repeat(filled)}${'░'.repeat(WIDTH - filled)} ${String(Math.floor(part * 100)).padStart(3)} %`,
      `${acknowledged.toLocaleString('en')} acknowledged`,
      `${Math.round(acknowledged / seconds)}/s`,
      `${cuts} cuts`,
      `kills ${killsOfPostgres} + ${killsOfApplication}`,
      `freezes ${freezes}`,
      `${left} s left`,
    ].join('  ')
    if (process.stdout.isTTY) process.stdout.write(`\r\x1b[K${line}`)
    else if (part * 10 >= this.#tenth) {
      this.#tenth = Math.floor(part * 10) + 1
      console.log(line)
    }
  }

  end(): void {
    if (process.stdout.isTTY) process.stdout.write('\n')
  }
}
