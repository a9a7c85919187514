import { engineMutant } from './engine-base.ts'
import { memoryMutant } from './memory-base.ts'
import type { Mutant } from './mutant.ts'
import { onBody, wireMutant } from './wire.ts'

/** Of what a request may cost. */
export const boundMutants: readonly Mutant[] = [
  memoryMutant({
    fault: 'an answer to a commit has no bounds',
    killedBy: 'BOUND-01',
    message: 'an answer without bounds must be refused',
    adapter: (real) => ({
      commit: (request) => real.commit({ ...request, answerBytes: Number.MAX_SAFE_INTEGER }),
    }),
  }),
  engineMutant({
    fault: 'the compiled functions answer with any number of bytes',
    killedBy: 'BOUND-01',
    message: 'an answer without bounds must be refused',
    plants: [
      { find: 'if _bytes > _most then raise', put: 'if false then raise' },
      {
        where: 'function postern.record_many(',
        find: 'if octet_length(_body) > _most then',
        put: 'if false then',
      },
    ],
  }),
  engineMutant({
    fault: 'every stale operation is told with its row, however many there are',
    killedBy: 'BOUND-02',
    message: 'a refusal must have bounds',
    plants: [{ point: 'judge-many', find: '_listed + octet_length(_entry) < 1048576', put: 'true' }],
  }),
  engineMutant({
    fault: 'stale operations that are not told are not counted',
    killedBy: 'BOUND-02',
    message: 'every stale operation must be told or counted',
    plants: [
      { point: 'judge-many', find: "case when _more > 0 then ',\"more\":' || _more else '' end", put: "''" },
    ],
  }),
  engineMutant({
    fault: 'a page of rows has no bounds',
    killedBy: 'BOUND-03',
    message: 'a page of rows must have bounds',
    plants: [
      { find: 'where t."?before" < 16777216', put: 'where true' },
      { find: 'where p.before < 16777216', put: 'where true' },
    ],
  }),
  engineMutant({
    fault: 'a page of events has no bounds',
    killedBy: 'BOUND-03',
    message: 'a page of events must have bounds',
    plants: [{ where: 'function postern.events(', find: '< 16777216\n', put: '>= 0\n' }],
  }),
  memoryMutant({
    fault: 'a cursor carries what the list is ordered by, however long that is',
    killedBy: 'BOUND-04',
    message: 'a cursor must be short, whatever it is made of',
    adapter: (real) => ({
      list: async (request) => {
        const page = JSON.parse(await real.list(request)) as { rows: { body: string }[]; nextCursor?: string }
        if (page.nextCursor !== undefined) page.nextCursor += page.rows.at(-1)?.body ?? ''
        return JSON.stringify(page)
      },
    }),
  }),
  engineMutant({
    fault: 'equal keys of two tenants meet in one lock',
    killedBy: 'BOUND-05',
    message: "another tenant's equal key must not be waited for",
    plants: [{ point: 'reserve', find: "hashtext(_key || E'\\x01' || _tenant)", put: 'hashtext(_key)' }],
  }),
  memoryMutant({
    fault: 'a start from now is a start from the beginning',
    killedBy: 'BOUND-06',
    message: 'a start from now must tell nothing from before',
    adapter: (real) => ({ events: ({ from: _, ...request }) => real.events(request) }),
  }),
  wireMutant({
    fault: 'operations above the limit are dropped',
    killedBy: 'BOUND-07',
    message: '1,001 operations must be refused',
    answer: onBody((body) =>
      Array.isArray(body.operations) && body.operations.length > 1_000
        ? { ...body, operations: body.operations.slice(0, 1) }
        : body,
    ),
  }),
  memoryMutant({
    fault: 'a call that finds no connection is an error of the server',
    killedBy: 'BOUND-08',
    message: 'a caller of a crowd must be served, or told to come again',
    adapter: (real) => {
      let running = 0
      return {
        load: async (request) => {
          if (running === 10) throw new Error('timeout exceeded when trying to connect')
          running += 1
          await new Promise((resolve) => {
            setTimeout(resolve, 20)
          })
          return real.load(request).finally(() => {
            running -= 1
          })
        },
      }
    },
  }),
  wireMutant({
    fault: 'a body is read as JSON before its signature is looked at',
    killedBy: 'BOUND-09',
    message: 'what is not signed must not be looked at, however much there is of it',
    answer: async (request, endpoint, forward) => {
      const text = await request.clone().text()
      try {
        JSON.parse(text)
      } catch {
        return forward(text)
      }
      return endpoint(request)
    },
  }),
  wireMutant({
    fault: 'members of a commit that are not known are dropped',
    killedBy: 'ENVELOPE-08',
    message: 'may be narrowed by a member that is not read: it must be refused',
    answer: onBody((body) => {
      if (!('guards' in body)) return body
      const { guards: _, ...known } = body
      return known
    }),
  }),
]
