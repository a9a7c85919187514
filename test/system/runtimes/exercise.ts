import { type Client, ClientError } from 'postern/client'
import type { schema } from './schema.ts'

/**
 * What a client and an endpoint promise each other, once through: commit, replay, load, list, a stale decision, the feed,
 * and a request whose signature does not match. Imports nothing that a browser does not have.
 *
 * @param stranger a client of the same endpoint with another key
 * @param id of the row that it makes
 * @returns how many promises were kept; throws at the first one that is not
 */
export async function exercise(
  client: Client<typeof schema>,
  stranger: Client<typeof schema>,
  id = 't1',
): Promise<number> {
  let kept = 0
  const keeps = (promise: string, is: boolean): void => {
    if (!is) throw new Error(`not so: ${promise}`)
    kept++
  }
  const title = 'Paint the door 🎨'
  const create = {
    idempotencyKey: `create:${id}`,
    operations: [{ type: 'CREATE', model: 'tasks', id, input: { title } }],
  } as const
  const first = await client.commit(create)
  const again = await client.commit(create)
  keeps('a commit is applied', !first.replayed && first.rows[0]?.title === title)
  keeps('the same commit again is a replay', again.replayed && again.stamps[0] === first.stamps[0])

  const { row, stamp } = await client.load('tasks', id)
  keeps('the row is there, its default filled in', row?.title === title && row.status === 'todo')
  const write = (idempotencyKey: string) =>
    client.commit({
      idempotencyKey,
      operations: [{ type: 'UPDATE', model: 'tasks', id, input: { status: 'done' }, readAt: stamp }],
    })
  await write(`one:${id}`)
  keeps('a decision on old state is refused', (await refusalOf(write(`two:${id}`))) === '409 stale_context')
  const { rows } = await client.list('tasks', {
    where: [
      ['id', id],
      ['status', 'done'],
    ],
  })
  keeps('a list finds it', rows.length === 1)

  const types: string[] = []
  for await (const event of client.events()) if (event.entityId === id) types.push(event.type)
  keeps('the feed has both events', types.join() === 'CREATE,UPDATE')
  const refused = await refusalOf(stranger.load('tasks', id))
  keeps('another key is refused', refused === '401 source_signature_invalid')
  return kept
}

async function refusalOf(work: Promise<unknown>): Promise<string> {
  try {
    await work
  } catch (error) {
    if (error instanceof ClientError) return `${error.status} ${error.code}`
    throw error
  }
  return 'accepted'
}
