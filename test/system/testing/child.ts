import { fixture } from '../../../src/testing/index.ts'
import { populate, schema } from './shop-base.ts'

// A test process that is going to be killed: argv is the server, the fixture's name, and what to be in the midst of.
const [url = '', name = '', stage = ''] = process.argv.slice(2)

const shop = fixture(name, {
  schema,
  connection: url,
  strategy: 'file_copy',
  populate: async (database) => {
    await populate(database)
    if (stage === 'populate') await hang('populating')
  },
})

async function hang(said: string): Promise<never> {
  process.stdout.write(`${said}\n`)
  setInterval(() => {}, 60_000)
  return new Promise(() => {})
}

await shop.seal()
const sessions = await Promise.all([shop.attach(), shop.attach()])
for (const { client } of sessions) await client.list('orders', {}, { scope: { organizationId: 'org_1' } })
// One more is being made while the process dies.
void shop.attach()
await hang(sessions.map(({ databaseUrl }) => new URL(databaseUrl).pathname.slice(1)).join(' '))
