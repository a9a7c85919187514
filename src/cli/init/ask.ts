import { createInterface } from 'node:readline/promises'
import { UsageError } from '../outcome.ts'

/** Puts a question; an empty answer is the fallback. */
export type Ask = (question: string, fallback: string) => Promise<string>

/** Does work that asks a person, on one terminal. @throws UsageError when the person ends the input instead */
export async function asking<T>(
  work: (ask: Ask) => Promise<T>,
  { input, output }: { input: NodeJS.ReadableStream; output: NodeJS.WritableStream } = {
    input: process.stdin,
    output: process.stdout,
  },
): Promise<T> {
  const terminal = createInterface({ input, output })
  // a question that is open when the input ends is never answered
  const ended = new Promise<never>((_, reject) => {
    terminal.once('close', () => reject(new UsageError('nothing was written')))
  })
  ended.catch(() => {})
  try {
    return await work(async (question, fallback) => {
      const answer = await Promise.race([terminal.question(`${question} [${fallback}] `), ended])
      return answer.trim() || fallback
    })
  } finally {
    terminal.close()
  }
}
