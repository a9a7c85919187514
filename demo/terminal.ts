import { styleText } from 'node:util'

type Format = Parameters<typeof styleText>[0]

/** Colours only where a person reads them: not into a file or a pipe, and not under NO_COLOR. */
const styled = (format: Format, text: string): string => styleText(format, text, { stream: process.stdout })

const line = (text = ''): void => void process.stdout.write(`${text}\n`)

export const title = (text: string): void => line(styled('bold', text))

/** The head of a step. */
export const step = (number: number, name: string): void => line(`\n${styled('bold', `${number}. ${name}`)}`)

/** What happens, in a sentence. */
export const say = (text = ''): void => line(text && `   ${text}`)

/** Something as it is in the machine: a row, a body, an event. */
export const show = (text: string): void => line(`     ${styled('cyan', text)}`)

/** What was checked, and held. */
export const check = (text: string): void => line(`   ${styled('green', '✓')} ${text}`)

export const success = (text: string): void => line(`\n${styled('green', text)}`)

export const failure = (text: string): void => line(`\n${styled('red', text)}`)
