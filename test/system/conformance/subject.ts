import { afterAll } from 'vitest'
import type { ConformanceOptions } from '../../../src/conformance/index.ts'
import { freshDatabase, templateDatabase } from '../../support/db.ts'
import { type Isolation, prepareDatabase } from './server.ts'
import { openSubject, type Subject } from './subjects.ts'

/** A built-in adapter for `conformance`: opened by the first check, closed after the last. */
export async function subject(
  name: string,
  isolation: Isolation = 'read committed',
): Promise<Required<Pick<ConformanceOptions, 'adapter' | 'probe'>>> {
  const { opened, end } = await open(name, isolation)
  afterAll(async () => {
    await opened.probe.close?.()
    await opened.close()
    await end()
  })
  return { adapter: opened.adapter, probe: opened.probe }
}

async function open(
  name: string,
  isolation: Isolation,
): Promise<{ opened: Subject; end: () => Promise<void> }> {
  let end = async () => {}
  const opened = await openSubject(name, async () => {
    const template = await templateDatabase('conformance', (url) => prepareDatabase(url, 'read committed'))
    const database = await freshDatabase({ template })
    await prepareDatabase(database.url, isolation, false)
    end = () => database.drop()
    return database.url
  })
  return { opened, end: () => end() }
}
