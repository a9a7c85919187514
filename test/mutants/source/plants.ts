/**
 * Faults to plant in TypeScript, each a mistake that a reasonable person could make around the core: in the client, the
 * relay, callbacks, derived schemas, fixtures, handlers by hand, the command line. `npm run test:plants:source` plants
 * one after the other in a copy of the tree and wants each test file named here to go red.
 */
export interface SourcePlant {
  readonly name: string
  readonly mistake: string
  /** Below src/. */
  readonly file: string
  /** Stands there exactly once. */
  readonly find: string
  readonly put: string
  /** Test files that must notice, below test/. */
  readonly noticed: readonly string[]
}

const honest = ['unit/client/honest.test.ts']
const handlers = ['unit/handlers/handlers.test.ts']
const drizzle = ['adapters/derived-drizzle.test.ts']
const prisma = ['adapters/derived-prisma.test.ts']
const letters = ['system/relay/dead-letters.test.ts']
const surroundings = ['cli/surroundings.test.ts']

const client: readonly SourcePlant[] = [
  {
    name: 'client-nan-as-null',
    mistake: 'a number that JSON does not have is sent as null',
    file: 'client/encode.ts',
    find: `if (!Number.isFinite(value)) return refuse(\`\${value} is not a number in JSON\`)`,
    put: "if (!Number.isFinite(value)) return 'null'",
    noticed: honest,
  },
  {
    name: 'client-undefined-as-null',
    mistake: 'undefined is sent as null',
    file: 'client/encode.ts',
    find: "return refuse('undefined is not a value; leave the member out, or send null')",
    put: "return 'null'",
    noticed: honest,
  },
  {
    name: 'client-any-200',
    mistake: 'any JSON object with status 200 counts as the answer',
    file: 'client/answer.ts',
    find: "'its body is not a JSON object' : check(body)",
    put: "'its body is not a JSON object' : undefined",
    noticed: honest,
  },
  {
    name: 'client-commit-sent-again',
    mistake: 'a commit whose answer was not understood counts as safe to repeat',
    file: 'client/answer.ts',
    find: 'retryable: safe,',
    put: 'retryable: true,',
    noticed: honest,
  },
  {
    name: 'client-empty-page',
    mistake: 'the cursor of a page without events is dropped',
    file: 'client/feed.ts',
    find: 'if (nextCursor != null) await moveTo(nextCursor)',
    put: '',
    noticed: honest,
  },
  {
    name: 'client-hopeless',
    mistake: 'what cannot succeed is sent again',
    file: 'client/failure.ts',
    find: 'retryable: !hopeless,',
    put: 'retryable: true,',
    noticed: honest,
  },
  {
    name: 'client-password',
    mistake: 'a cause quotes the password of the address',
    file: 'client/failure.ts',
    find: ".replace(/\\/\\/[^\\s/@]*@/g, '//***@')",
    put: '',
    noticed: honest,
  },
  {
    name: 'client-secrets',
    mistake: 'a cause quotes the key or a header',
    file: 'client/failure.ts',
    find: "for (const secret of secrets) safe = safe.replaceAll(secret, '***')",
    put: '',
    noticed: honest,
  },
  {
    name: 'client-bounds',
    mistake: 'numbers are taken as they come',
    file: 'client/options.ts',
    find: 'if (Number.isSafeInteger(value) && value >= min && value <= max) return value',
    put: 'if (min <= max) return value',
    noticed: honest,
  },
  {
    name: 'client-answer-bytes',
    mistake: 'an answer without end is kept',
    file: 'client/send.ts',
    find: 'if (bytes > max) {',
    put: 'if (bytes < 0) {',
    noticed: honest,
  },
  {
    name: 'client-request-bytes',
    mistake: 'a request of any size is sent',
    file: 'client/send.ts',
    find: 'if (bytes <= max) return',
    put: 'if (bytes >= 0) return',
    noticed: honest,
  },
  {
    name: 'client-retry-after',
    mistake: 'any Retry-After is waited for',
    file: 'client/send.ts',
    find: 'if (wait > maxRetryAfterMs) return false',
    put: '',
    noticed: ['unit/client/retry.test.ts'],
  },
  {
    name: 'client-own-fetch',
    mistake: 'a fetch that ignores its signal is waited for without end',
    file: 'client/send.ts',
    find: 'return await Promise.race([work(), aborted])',
    put: 'aborted.catch(() => {})\n    return await work()',
    noticed: honest,
  },
]

const relay: readonly SourcePlant[] = [
  {
    name: 'relay-duplicate-counts',
    mistake: 'an acknowledgement marked duplicate counts as a delivery',
    file: 'relay/nats.ts',
    find: 'if (ack.duplicate !== true || batch.attempt > 1 || (await holds(ack, subject, text, msgID))) return',
    put: 'if (ack.seq > 0) return',
    noticed: ['system/relay/nats.test.ts'],
  },
  {
    name: 'relay-message-id',
    mistake: 'the message id names neither relay nor subject',
    file: 'relay/nats.ts',
    find: `return \`\${relay}/\${hash.digest('hex').slice(0, 32)}/\${shown}\``,
    put: 'return shown',
    noticed: ['system/relay/nats.test.ts'],
  },
  {
    name: 'relay-letter-unwritten',
    mistake: 'the attempt of a redriven letter is not written down before it is made',
    file: 'relay/redrive.ts',
    find: 'held.wrote(await store.trying(held.fence, { letters, tries, waitMs }))',
    put: 'void waitMs',
    noticed: letters,
  },
  {
    name: 'relay-letter-unbounded',
    mistake: 'a redriven letter that ends its process is tried without end',
    file: 'relay/redrive.ts',
    find: 'if (first.tries >= schedule.length) {',
    put: 'if (first.tries < 0) {',
    noticed: letters,
  },
  {
    name: 'relay-letter-blocks',
    mistake: 'letters of different rows are sent as one row',
    file: 'relay/redrive.ts',
    find: '({ model, entityId }) => JSON.stringify([model, entityId])',
    put: "() => ''",
    noticed: letters,
  },
  {
    name: 'relay-credentials',
    mistake: 'credentials of NATS are not used',
    file: 'relay/nats-connection.ts',
    find: '...(authenticator !== undefined && { authenticator }),',
    put: '',
    noticed: ['system/relay/nats-credentials.test.ts'],
  },
  {
    name: 'relay-clock',
    mistake: 'when to try again goes by the clock of the process that failed',
    file: 'relay/store.ts',
    find: "retry_at = clock_timestamp() + ${milliseconds('$6')}, last_error",
    put: "retry_at = to_timestamp(${Date.now() / 1000}) + ${milliseconds('$6')}, last_error",
    noticed: ['system/relay/failures.test.ts'],
  },
  {
    name: 'relay-bounds',
    mistake: 'a number of the options has no upper bound: 2 ** 31 milliseconds are over at once',
    file: 'relay/relay.ts',
    find: 'value >= least && value <= most',
    put: 'value >= least',
    noticed: ['system/relay/relay.test.ts'],
  },
  {
    name: 'relay-schedule',
    mistake: 'a wait of the schedule has no upper bound',
    file: 'relay/relay.ts',
    find: 'ms >= 0 && ms <= longest',
    put: 'ms >= 0',
    noticed: ['system/relay/relay.test.ts'],
  },
  {
    name: 'relay-pages',
    mistake: 'pages of large events are read whole, of which a batch takes a few',
    file: 'relay/page-size.ts',
    find: 'if (size > this.#bytes) this.limit',
    put: 'if (false) this.limit',
    noticed: ['unit/relay/page-size.test.ts'],
  },
  {
    name: 'relay-header-value',
    mistake: 'a malformed header is found at the delivery, whose error quotes it',
    file: 'relay/http.ts',
    find: `throw new TypeError(\`The header \${JSON.stringify(name)} of an HTTP sink is not a valid HTTP header.\`)`,
    put: '',
    noticed: ['system/relay/http.test.ts'],
  },
]

const callbacks: readonly SourcePlant[] = [
  {
    name: 'callback-promises-alone',
    mistake: 'what a hook gives is looked at only when it is a Promise of this realm',
    file: 'core/callback.ts',
    find: "if (given === null || (typeof given !== 'object' && typeof given !== 'function')) return",
    put: 'if (!(given instanceof Promise)) return',
    noticed: ['unit/core/callback.test.ts'],
  },
  {
    name: 'callback-rejection-escapes',
    mistake: 'nobody takes what a logger rejects with',
    file: 'core/callback.ts',
    find: ').catch(report)',
    put: ')',
    noticed: ['unit/core/callback.test.ts'],
  },
  {
    name: 'callback-logger',
    mistake: 'what a logger promises is waited for by nobody, and ends the process when it rejects',
    file: 'core/endpoint/observe.ts',
    find: '() => logger[level](fields, message),',
    put: '() => void logger[level](fields, message),',
    noticed: ['unit/core/endpoint.errors.test.ts'],
  },
  {
    name: 'callback-never-settles',
    mistake: 'a callback that does not settle is waited for without end',
    file: 'core/callback.ts',
    find: 'setTimeout(() => reject(late()), Math.min(timeoutMs, LONGEST_WAIT_MS))',
    put: 'setTimeout(() => {}, 1)',
    noticed: ['unit/core/callback.test.ts'],
  },
]

const derived: readonly SourcePlant[] = [
  {
    name: 'prisma-named-like-generator',
    mistake: 'a generator or datasource takes the place of the model of its name',
    file: 'adapters/prisma/data-model.ts',
    find: "} else if (type === 'model' || type === 'view') {",
    put: '} else if (!schema.models.has(name)) {',
    noticed: prisma,
  },
  {
    name: 'made-date',
    mistake: 'a Date for a column of days is sent as a point in time',
    file: 'adapters/made-values.ts',
    find: 'return value instanceof Date ? iso(value).slice(0, 10) : dayOf(value)',
    put: 'return value instanceof Date ? iso(value) : value',
    noticed: [...prisma, ...drizzle],
  },
  {
    name: 'made-time',
    mistake: 'a Date for a column of times of day is sent as a point in time',
    file: 'adapters/made-values.ts',
    find: 'iso(value).slice(11, -1)',
    put: 'iso(value)',
    noticed: prisma,
  },
  {
    name: 'made-timestamp-text',
    mistake: "Postgres's spelling of a timestamp is sent as it is",
    file: 'adapters/made-values.ts',
    find: 'return value instanceof Date ? iso(value) : instantOf(value)',
    put: 'return value instanceof Date ? iso(value) : value',
    noticed: drizzle,
  },
  {
    name: 'made-json-bigint',
    mistake: 'a bigint inside JSON becomes a text',
    file: 'adapters/made-values.ts',
    find: "typeof member === 'bigint' ? numberOf(String(member)) : member",
    put: "typeof member === 'bigint' ? String(member) : member",
    noticed: drizzle,
  },
  {
    name: 'prisma-updated-date',
    mistake: '@updatedAt of a date is left to the database, which sets points in time',
    file: 'adapters/prisma/mapping.ts',
    find: "field.updatedAt && sqlType(field) === 'timestamp'",
    put: 'field.updatedAt',
    noticed: prisma,
  },
  {
    name: 'prisma-any-schema',
    mistake: 'a table is found by its name alone, whatever its schema',
    file: 'adapters/prisma/mapping.ts',
    find: `table.name === model.table.name && (table.schema ?? 'public') === (model.table.schema ?? 'public'),`,
    put: 'table.name === model.table.name,',
    noticed: prisma,
  },
  {
    name: 'prisma-key-of-model',
    mistake: '@@id is not read',
    file: 'adapters/prisma/data-model.ts',
    find: 'if (key !== null) model.id = names(key[1])',
    put: 'void key',
    noticed: prisma,
  },
  {
    name: 'drizzle-key-of-table',
    mistake: "the key of the table's own list is not read",
    file: 'adapters/drizzle/schema.ts',
    find: 'primaryKeys[0]?.columns ?? columns.filter(({ primary }) => primary)',
    put: 'columns.filter(({ primary }) => primary && primaryKeys !== undefined)',
    noticed: drizzle,
  },
  {
    name: 'drizzle-many-alone',
    mistake: 'a many() without its one() ends the derivation',
    file: 'adapters/drizzle/relations.ts',
    find: `leaveOut(\`its other side is not declared: give \${other} a one() with fields and references\`)`,
    put: "throw new Error('no other side')",
    noticed: drizzle,
  },
  {
    name: 'derived-option-typo',
    mistake: 'an option that nobody knows is passed over',
    file: 'adapters/derived.ts',
    find: '      at,\n      given,\n',
    put: '      at,\n      { fields: [] },\n',
    noticed: drizzle,
  },
  {
    name: 'derived-field-typo',
    mistake: 'a field that is not there is passed over',
    file: 'adapters/derived.ts',
    find: "if (field !== undefined && !fields.includes(field)) throw unknownName(at, 'field', field, fields)",
    put: '',
    noticed: drizzle,
  },
]

const fixtures: readonly SourcePlant[] = [
  {
    name: 'fixture-leak',
    mistake: 'a connection that was not given back is waited for without end',
    file: 'testing/closing.ts',
    find: 'await settled(what, close, GRACE_MS, (message) => new StillOpen(message))',
    put: 'await close()\n    void settled',
    noticed: ['system/testing/leaks.test.ts'],
  },
  {
    name: 'fixture-changed-while-filled',
    mistake: 'inputs are not looked at again once the base is filled',
    file: 'testing/fixture.ts',
    find: 'if (after.value === before.value) return position',
    put: "if (after.value !== '') return position",
    noticed: ['system/testing/leaks.test.ts'],
  },
  {
    name: 'fixture-values',
    mistake: 'values that JSON makes one text of share a fingerprint',
    file: 'testing/fingerprint.ts',
    find: "mustBeJson(values, '', [])",
    put: '',
    noticed: ['system/testing/leaks.test.ts'],
  },
  {
    name: 'fixture-lock',
    mistake: 'the fingerprint that is sealed is from before the lock, and the inputs have changed since',
    file: 'testing/fixture.ts',
    find: `kept(await store.read(), (await fingerprint()).value) ??
      store.exclusively(async (held) => {
        // Again: whoever waits for the lock may find other inputs behind it.
        const before = await fingerprint()`,
    put: `kept(await store.read(), (Object.assign(make, { early: await fingerprint() }) as unknown as { early: Fingerprint }).early.value) ??
      store.exclusively(async (held) => {
        const before = (make as unknown as { early: Fingerprint }).early`,
    noticed: ['system/testing/leaks.test.ts'],
  },
  {
    name: 'fixture-twice',
    mistake: 'who waited for the lock fills a base again that is sealed by then',
    file: 'testing/fixture.ts',
    find: 'const base = kept(await held.read(), value)',
    put: 'const base = kept(null, value)',
    noticed: ['system/testing/fixture.test.ts'],
  },
  {
    name: 'fixture-clean-up',
    mistake: 'what fails first keeps the rest of the clean-up from running',
    file: 'testing/closing.ts',
    find: 'errors.push(error)',
    put: 'throw error',
    noticed: ['system/testing/leaks.test.ts'],
  },
]

const byHand: readonly SourcePlant[] = [
  {
    name: 'handlers-shape',
    mistake: 'what is no row travels as a row of nulls',
    file: 'adapters/handlers/rows.ts',
    find: `throw misshapen(handler, \`rows of \${model.name} as objects\`)`,
    put: 'row = {}',
    noticed: handlers,
  },
  {
    name: 'handlers-missing',
    mistake: 'a member that is missing travels as null',
    file: 'adapters/handlers/rows.ts',
    find: "'it is missing or null'",
    put: 'null',
    noticed: handlers,
  },
  {
    name: 'handlers-related-tenant',
    mistake: 'embedded rows of another tenant travel',
    file: 'adapters/handlers/rows.ts',
    find: 'embedded.flatMap((member) => wireRow(other, tenant, member, handler) ?? [])',
    put: 'embedded.flatMap((member) => wireRow(other, null, member, handler) ?? [])',
    noticed: handlers,
  },
  {
    name: 'handlers-commit-tenant',
    mistake: "a commit's answer holds rows of another tenant",
    file: 'adapters/handlers/index.ts',
    find: "wireRow(model, tenant, rows[index] ?? null, 'commit')",
    put: "wireRow(model, tenant === '' ? tenant : null, rows[index] ?? null, 'commit')",
    noticed: handlers,
  },
  {
    name: 'handlers-events-data-tenant',
    mistake: 'an event holds a row of another tenant',
    file: 'adapters/handlers/index.ts',
    find: "wireRow(model, tenant, event.data, 'events')",
    put: "wireRow(model, null, event.data, 'events')",
    noticed: handlers,
  },
  {
    name: 'handlers-events-tenant',
    mistake: 'an event that names another tenant travels',
    file: 'adapters/handlers/index.ts',
    find: 'if (tenant !== null && organizationId != null && String(organizationId) !== tenant) return null',
    put: 'void organizationId',
    noticed: handlers,
  },
  {
    name: 'handlers-no-stamps',
    mistake: 'readAt reaches handlers that do not judge it, and the change in between is lost',
    file: 'adapters/handlers/index.ts',
    find: 'if (!staleness) refuseJudged(request)',
    put: 'void staleness',
    noticed: handlers,
  },
  {
    name: 'handlers-stamp',
    mistake: 'the stamp of a loaded row is dropped, and each commit on it is stale',
    file: 'adapters/handlers/index.ts',
    find: "a whole number from 0')\n  return { row, stamp }",
    put: "a whole number from 0')\n  return { row, stamp: 0 }",
    noticed: handlers,
  },
]

const commandLine: readonly SourcePlant[] = [
  {
    name: 'cli-reader-gone',
    mistake: 'a reader that goes away is an error of the program',
    file: 'cli/main.ts',
    find: "process.exit(error.code === 'EPIPE' ? READER_GONE : 1)",
    put: 'throw error',
    noticed: ['cli/send.test.ts'],
  },
  {
    name: 'cli-comments',
    mistake: 'a name with a line break goes on as code behind the comment that it stands in',
    file: 'cli/pull/write.ts',
    find: '`  // ${visible(text)}`',
    put: '`  // ${text}`',
    noticed: ['cli/pull.test.ts'],
  },
  {
    name: 'cli-quotes',
    mistake: 'a quote in a name ends the text that it is written in',
    file: 'cli/pull/names.ts',
    find: `.replaceAll("'", "\\\\'")`,
    put: '',
    noticed: surroundings,
  },
  {
    name: 'cli-trailing-commas',
    mistake: 'a trailing comma makes a tsconfig unreadable',
    file: 'cli/tsconfig.ts',
    find: '.replace(/("(?:\\\\.|[^"\\\\])*")|,(?=\\s*[}\\]])/g, kept)',
    put: '',
    noticed: surroundings,
  },
  {
    name: 'cli-prototype-names',
    mistake: 'a column called as a member of every object is a field of that name',
    file: 'cli/pull/names.ts',
    find: `['constructor', 'prototype', '__proto__'].includes(first) ? \`\${first}_\` : first`,
    put: 'first',
    noticed: surroundings,
  },
  {
    name: 'cli-interrupt',
    mistake: 'a follower that is interrupted does not say where it got to',
    file: 'cli/commands/send.ts',
    find: "process.once('SIGINT', () => controller.abort())",
    put: '',
    noticed: ['cli/send.test.ts'],
  },
]

export const sourcePlants: readonly SourcePlant[] = [
  ...client,
  ...relay,
  ...callbacks,
  ...derived,
  ...fixtures,
  ...byHand,
  ...commandLine,
]
