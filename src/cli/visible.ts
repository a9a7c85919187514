/** What moves a terminal's cursor, ends a line of source code, or turns the direction of writing. */
const unseen = /[\p{Cc}\p{Zl}\p{Zp}\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/gu

const escaped = (char: string): string => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`

/** A text from outside (a name, a message, an id) on one line, with what could command a terminal or end a comment escaped. */
export const visible = (text: unknown): string => String(text).replace(unseen, escaped)

/** Lines and colours of our own stay; any other control character that found its way here is escaped. */
export const printable = (text: string): string =>
  // biome-ignore lint/suspicious/noControlCharactersInRegex: the colours that styleText and inspect make
  text.replace(/\x1b\[\d{1,2}m|[\s\S]/gu, (char) =>
    char.length > 1 || char === '\n' || char === '\t' ? char : visible(char),
  )
