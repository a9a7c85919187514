import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { PassThrough } from 'node:stream'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { asking } from '../../../src/cli/init/ask.ts'
import { checkMutable, decide, decided } from '../../../src/cli/init/decide.ts'
import { packageManagerOf } from '../../../src/cli/init/package-manager.ts'
import type { Pulled } from '../../../src/cli/pull.ts'

const model = (name: string, table: string, ...columns: string[]) => ({
  name,
  table: { name: table, columns: columns.map((name) => ({ name })) },
})
const found = {
  models: [model('tasks', 'tasks', 'id', 'organization_id'), model('taskTags', 'task_tags', 'org_id')],
  shared: [model('countries', 'countries', 'id')],
  tenant: 'organization_id',
} as unknown as Pulled

/** Answers in their order; empty takes the fallback. */
function answering(...answers: string[]) {
  const asked: string[] = []
  const ask = async (question: string, fallback: string) => {
    asked.push(question)
    return answers[asked.length - 1] || fallback
  }
  return { ask, asked }
}

describe('what init asks', () => {
  test('empty answers are what --yes does', async () => {
    const { ask, asked } = answering()
    const answers = await decide(found, { includeShared: false }, ask)
    expect(answers).toEqual({
      tenantColumn: 'organization_id',
      includeShared: false,
      mutable: true,
      capture: true,
    })
    expect({ ...decided({ includeShared: false }), tenantColumn: found.tenant }).toEqual(answers)
    expect(asked).toEqual([
      expect.stringContaining('Which column says whose row it is?'),
      expect.stringContaining('all, none, or some of tasks, taskTags, countries'),
      expect.stringContaining('Log what the application writes by itself'),
    ])
  })

  test('a name that is not there is asked for again; a table is as good as its model', async () => {
    const { ask, asked } = answering('owner', 'org_id', 'taskz', 'tasks, task_tags', 'n')
    expect(await decide(found, { includeShared: false }, ask)).toEqual({
      tenantColumn: 'org_id',
      includeShared: false,
      mutable: ['tasks', 'task_tags'],
      capture: false,
    })
    expect(asked[1]).toMatch(/^No table has a column owner\. Which/)
    expect(asked[3]).toMatch(/^There is no model taskz\. What/)
  })

  test('without a tenant it asks whether all may read; without changes it asks for no capture', async () => {
    const { ask, asked } = answering('-', 'y', 'none')
    expect(await decide(found, { includeShared: false }, ask)).toEqual({
      tenantColumn: null,
      includeShared: true,
      mutable: false,
      capture: true,
    })
    expect(asked).toHaveLength(3)
  })

  test('what the command line says is not asked, and is judged', async () => {
    const { ask, asked } = answering()
    const given = { tenantColumn: 'org_id', includeShared: false, mutable: ['none'], capture: false }
    expect(await decide(found, given, ask)).toMatchObject({ mutable: false, capture: false })
    expect(asked).toEqual([])
    expect(() => checkMutable(['taskz'], found)).toThrow('there is no model taskz; expected all, none, or')
    expect(() => checkMutable(['task_tags', 'countries'], found)).not.toThrow()
  })

  test('a terminal answers question by question; one that ends writes nothing', async () => {
    const [input, output] = [new PassThrough(), new PassThrough()]
    let shown = ''
    output.on('data', (chunk) => {
      shown += chunk
      if (/First\? \[a\] $/.test(shown)) input.write(' one \n')
      if (/Second\? \[b\] $/.test(shown)) input.write('\n')
      if (/Third\? \[c\] $/.test(shown)) input.end()
    })
    const answers: string[] = []
    const work = asking(
      async (ask) => {
        for (const [question, fallback] of [
          ['First?', 'a'],
          ['Second?', 'b'],
          ['Third?', 'c'],
        ] as const)
          answers.push(await ask(question, fallback))
      },
      { input, output },
    )
    await expect(work).rejects.toThrow('nothing was written')
    expect(answers).toEqual(['one', 'b'])
  })
})

describe('the package manager of an application', () => {
  let directory: string
  beforeAll(() => {
    directory = mkdtempSync(join(tmpdir(), 'postern-manager-'))
  })
  afterAll(() => rmSync(directory, { recursive: true, force: true }))

  test.each([
    ['package-lock.json', '{}', /^npm i(nstall)? postern pg$/, 'npx postern migrate'],
    ['pnpm-lock.yaml', '', /^pnpm add postern pg$/, 'pnpm exec postern migrate'],
    ['yarn.lock', '', /^yarn add postern pg$/, 'yarn exec postern -- migrate'],
    ['bun.lock', '', /^bun add postern pg$/, 'bun x postern migrate'],
    ['package.json', '{ "packageManager": "pnpm@10.0.0" }', /^pnpm add/, 'pnpm exec postern migrate'],
  ])('is told by %s', async (file, text, add, run) => {
    writeFileSync(join(directory, file), text)
    try {
      const manager = await packageManagerOf(directory)
      expect(manager.add(['postern', 'pg'])).toMatch(add)
      expect(manager.postern('migrate')).toBe(run)
    } finally {
      rmSync(join(directory, file))
    }
  })

  test('is npm where nothing tells it', async () => {
    expect((await packageManagerOf(directory)).postern('check')).toBe('npx postern check')
  })
})
