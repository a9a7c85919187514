import { visible } from '../visible.ts'

/** `project_id` to `projectId`; a name that no field may have is made one. */
export function camel(name: string): string {
  const plain = name.replace(/[^A-Za-z0-9_]+/g, '_').replace(/^(?=\d)/, '_')
  const cased = /[a-z]/.test(plain) ? plain : plain.toLowerCase()
  const joined = cased.replace(/(?<=[A-Za-z0-9])_+([A-Za-z0-9])/g, (_, next: string) => next.toUpperCase())
  const first = joined.replace(/^[A-Z]+(?=[A-Z][a-z])|^[A-Z]/, (start) => start.toLowerCase())
  return ['constructor', 'prototype', '__proto__'].includes(first) ? `${first}_` : first
}

/** A name that is not taken yet. */
export function unique(name: string, taken: ReadonlySet<string>): string {
  for (let n = 1; ; n += 1) {
    const one = n === 1 ? name : `${name}${n}`
    if (!taken.has(one)) return one
  }
}

/** What `defineSchema` makes of a name; where that is not the name in the database, it must be said. */
export const snake = (name: string): string =>
  name
    .replace(/([A-Z]+)([A-Z][a-z])/g, '$1_$2')
    .replace(/([a-z0-9])([A-Z])/g, '$1_$2')
    .toLowerCase()

/** A text of TypeScript, in single quotes. */
export const quoted = (text: string): string =>
  `'${visible(JSON.stringify(text).slice(1, -1)).replaceAll('\\"', '"').replaceAll("'", "\\'")}'`

/** A key of an object. */
export const keyText = (name: string): string => (/^[A-Za-z_]\w*$/.test(name) ? name : quoted(name))
