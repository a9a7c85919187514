import { describe, expect, test } from 'vitest'
import { defaultLimits } from '../../../../src/core/endpoint/limits.ts'
import { parseOperations } from '../../../../src/core/protocol/operations.ts'
import { parseQuery } from '../../../../src/core/protocol/query.ts'
import { defineSchema, field, model, z } from '../../../../src/index.ts'

const tags = z.array(z.string().min(1)).optional()
const schema = defineSchema({
  tasks: model({ fields: { tags, notes: field.json(tags) }, mutable: true }),
})
const tasks = schema.models.get('tasks')
if (tasks === undefined) throw new Error('no tasks')

/** What `work` throws. */
function thrown(work: () => unknown): unknown {
  try {
    return work()
  } catch (error) {
    return error
  }
}

describe('a body full of faults', () => {
  test('relations that are not there are looked at once each, not once for each other', () => {
    const names = Array.from({ length: 1_000 }, (_, index) => `r${index}`)
    let reads = 0
    const related = new Proxy(names, {
      get(target, name) {
        reads += 1
        return Reflect.get(target, name)
      },
    })
    const refused = thrown(() => parseQuery(schema, tasks, { related }, 'org_1', defaultLimits))
    expect(refused).toMatchObject({ code: 'invalid_query' })
    expect(reads).toBeLessThan(5_000)
  })

  // more than fit into the arguments of one call
  test.each(['tags', 'notes'])(
    'each of 700,000 members of %s is one: a refusal, and no server error',
    (name) => {
      const operation = {
        type: 'CREATE',
        model: 'tasks',
        id: 't1',
        input: { [name]: Array.from({ length: 700_000 }, () => '') },
      }
      const refused = thrown(() => parseOperations(schema, [operation], { max: 1, tenant: 'org_1' }))
      expect(refused).toMatchObject({ code: 'source_commit_invalid' })
    },
  )
})
