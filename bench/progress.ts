import { heading } from './report.ts'
import type { Pace, Section } from './rounds.ts'

/** Says on standard error what is being measured, and how far it is. */
export class Progress {
  readonly #started = performance.now()
  #title = ''
  #done = 0
  #all = 0

  begin(section: Section, { rounds }: Pace): void {
    this.#title = heading(section)
    this.#done = 0
    this.#all = rounds * section.contestants.length
    this.#show()
  }

  tick(): void {
    this.#done += 1
    this.#show()
  }

  /** Of work that is not measured. */
  say(text: string): void {
    process.stderr.write(process.stderr.isTTY ? `\r\x1b[K${text}` : `${text}\n`)
  }

  end(): void {
    if (process.stderr.isTTY) process.stderr.write('\r\x1b[K')
  }

  #show(): void {
    const text = `${((performance.now() - this.#started) / 1000).toFixed(0)} s  ${this.#title}  ${this.#done}/${this.#all}`
    if (process.stderr.isTTY) process.stderr.write(`\r\x1b[K${text}`)
    else if (this.#done === 0) process.stderr.write(`${text}\n`)
  }
}
