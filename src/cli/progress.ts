import { styleText } from 'node:util'

const frames = ['⠋', '⠙', '⠹', '⠸', '⠼', '⠴', '⠦', '⠧', '⠇', '⠏']

/** Runs `work` and, on a terminal, shows that it is under way; what is printed elsewhere stays as it is. */
export async function progress<T>(what: string, work: () => Promise<T>): Promise<T> {
  const { stderr } = process
  if (!stderr.isTTY) return work()
  let turn = 0
  const draw = (): void => {
    const frame = styleText('cyan', frames[turn++ % frames.length] ?? '', { stream: stderr })
    stderr.write(`\r${frame} ${what} ...`)
  }
  const timer = setInterval(draw, 100)
  const erase = (): void => {
    clearInterval(timer)
    // back to the start of the line, and erase it
    if (turn > 0) stderr.write('\r\x1b[2K')
  }
  // an interrupted line would stand before the prompt; without a listener the signal then ends the process as ever
  const interrupted = (): void => {
    erase()
    if (process.listenerCount('SIGINT') === 0) process.kill(process.pid, 'SIGINT')
  }
  process.once('SIGINT', interrupted)
  try {
    return await work()
  } finally {
    process.removeListener('SIGINT', interrupted)
    erase()
  }
}
