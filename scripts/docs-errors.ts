// Writes docs/errors.md from the registry: `node scripts/docs-errors.ts`. A test fails when the page is not current.
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type ErrorCode, errors } from '../src/core/errors.ts'

const headings: Record<number, string> = {
  400: 'The request is wrong',
  401: 'The signature does not hold',
  403: 'Not allowed',
  404: 'Not there',
  405: 'Wrong method',
  408: 'Too slow',
  409: 'In conflict with what is there',
  410: 'Gone',
  413: 'Too large',
  415: 'Wrong encoding',
  429: 'Too many at once',
  500: "The endpoint's own fault",
  503: 'Not now',
}

const intro = `# Errors

<!-- Written by scripts/docs-errors.ts from src/core/errors.ts. Edit those. -->

Every refusal and every failure is JSON of one shape:

\`\`\`json
{
  "error": "stale_context",
  "message": "The row changed after the state that this commit was decided on.",
  "retryable": false,
  "requestId": "8d1f6e3a-7c1e-4f6e-9a53-0a6f2a9f3b61",
  "details": { "operations": [] }
}
\`\`\`

- \`error\` is the code to program against. \`message\` is for people and may change.
- \`retryable: true\`: the same request may succeed later. Send a commit again **under the same idempotency key**; it is
  applied once, whatever became of the first attempt. Statuses 503 carry \`Retry-After\` in seconds.
- \`requestId\` stands in the log of the endpoint too, and is what its operator wants to hear.
- \`details\`, where there are any, name the place: \`issues\` with a JSON pointer each, \`operations\` by their index, a
  \`constraint\`, a \`field\`. They never hold SQL, keys, or values of rows that the caller may not see.
- With \`Accept: application/problem+json\` the same members come as RFC 9457 problem details, with \`type\`
  (\`urn:postern:error:<code>\`), \`title\`, \`status\` and \`detail\` beside them.

A commit that was refused has written nothing, and has not used up its key. A rule of the application's own
(\`Rejection\`) is answered with a code and a 4xx status that the application chose; those are not listed here.
`

/** The whole page. */
export function errorsPage(): string {
  const statuses = [...new Set(Object.values(errors).map(({ status }) => status))].sort((a, b) => a - b)
  const sections = statuses.map((status) => {
    const codes = (Object.keys(errors) as ErrorCode[]).filter((code) => errors[code].status === status)
    const rows = codes.map((code) => {
      const { retryable, meaning, remedy } = errors[code]
      return `| \`${code}\` | ${retryable ? 'yes' : 'no'} | ${meaning} | ${remedy} |`
    })
    return `## ${status} ${headings[status] ?? ''}

| code | retry | what happened | what to do |
|---|---|---|---|
${rows.join('\n')}
`
  })
  return [intro, ...sections].join('\n')
}

if (import.meta.main) writeFileSync(join(import.meta.dirname, '../docs/errors.md'), errorsPage())
