import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { defineSchema, model, z } from '../../src/index.ts'
import { serverAdapters } from '../support/adapters.ts'
import { caller } from '../support/caller.ts'
import { majors, type OpenSource, openSource, refused } from '../support/postgres-source.ts'

const schema = defineSchema({ naps: model({ fields: { length: z.number() } }) })
// each row takes as long as it says
const tables = `create table nap (id text primary key, organization_id text not null, length double precision not null);
  insert into nap values ('1', 'org_1', 0), ('2', 'org_1', 0), ('3', 'org_long', 30);
  create function sleep(_s double precision) returns double precision language plpgsql volatile as $$
    begin perform pg_sleep(_s); return _s; end $$;
  create view naps as select id, organization_id, sleep(length) as length from nap;`

describe.each(majors)('Postgres %i: the time limit that goes along with a list', (major) => {
  let open: OpenSource
  beforeAll(async () => {
    open = await openSource({ schema, tables, major })
  })
  afterAll(() => open[Symbol.asyncDispose]())

  test.each(serverAdapters)(
    '$name: stops it, at the first call and when it is prepared, and stays with it',
    async (one) => {
      const opened = await one.open(open.url, { schema, max: 1, options: { statementTimeoutMs: 300 } })
      try {
        const short = caller(opened.adapter, schema)
        const long = caller(opened.adapter, schema, { organizationId: 'org_long' })
        await refused(long.list('naps'), 'source_busy')
        for (let call = 0; call < 8; call++) expect((await short.list('naps')).rows).toHaveLength(2)
        await refused(long.list('naps'), 'source_busy')
        // the connection is the same, and what is not a list is not limited
        expect((await short.list('naps')).rows).toHaveLength(2)
      } finally {
        await opened.close()
      }
    },
  )
})
