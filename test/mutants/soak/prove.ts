// Plants one fault after the other and says how each was found: npm run soak -- --prove
import fc from 'fast-check'
import { createDatabase } from '../../system/faults/database.ts'
import { startKillable } from '../../system/faults/server.ts'
import { check } from '../../system/histories/check.ts'
import { determined } from '../../system/histories/determined.ts'
import { programs } from '../../system/histories/program.ts'
import { run, type Stage } from '../../system/histories/run.ts'
import { witness, world, worldTables } from '../../system/histories/world.ts'
import { soak } from '../../system/soak/soak.ts'
import { installPlanted, openPlanted } from './planted.ts'
import { type Plant, plants } from './plants.ts'

/** How a fault was found, or that it was not. */
export interface Proof {
  readonly plant: Pick<Plant, 'name' | 'breaks' | 'by'>
  readonly found: boolean
  /** How much it took: histories, or commits. */
  readonly after: string
  /** The first thing that was found. */
  readonly finding: string
}

const HISTORIES = 400

/** Random histories until one is refuted. One client and several take turns. */
export async function proveByHistories(
  plant: Plant,
  serverUrl: string,
  histories = HISTORIES,
): Promise<Proof> {
  await using database = await createDatabase(serverUrl, {
    schema: world,
    tables: worldTables,
    install: (connection) => installPlanted(plant, connection, world),
  })
  await database.sql(witness)
  const opened = openPlanted(plant, database.url, { schema: world, max: 8 })
  const stage: Stage = { source: opened.adapter, sql: database.sql }
  try {
    const random = { alone: programs({ min: 1, max: 1 }, 25), several: programs({ min: 3, max: 6 }, 12) }
    const samples = {
      alone: fc.sample(random.alone, histories),
      several: fc.sample(random.several, histories),
    }
    for (let n = 0; n < histories; n += 1) {
      const alone = n % 2 === 0
      const program = samples[alone ? 'alone' : 'several'][n]
      if (program === undefined) break
      try {
        await check(stage, await run(stage, program, alone ? determined(stage) : {}))
      } catch (error) {
        return { plant, found: true, after: `${n + 1} histories`, finding: firstLine(error) }
      }
    }
    return { plant, found: false, after: `${histories} histories`, finding: '' }
  } finally {
    await opened.close()
  }
}

/** A short soak. */
async function proveBySoak(plant: Plant, seed: number): Promise<Proof> {
  const report = await soak(
    {
      commits: 1_500,
      cuts: 60,
      kills: 2,
      freezes: 0,
      adapter: 'pg',
      major: 18,
      clients: 12,
      seed,
      ...(plant.name !== 'none' && { plant: plant.name }),
      hooks: plant.by === 'soak with hooks',
    },
    () => {},
  )
  const { lost, duplicated } = report.findings
  return {
    plant,
    found: lost.length + duplicated.length > 0,
    after: `${report.tally.attempted} commits, ${report.disturbances.cuts} cuts, ${report.disturbances.killsOfPostgres + report.disturbances.killsOfApplication} kills`,
    finding: `${lost.length} lost, ${duplicated.length} duplicated`,
  }
}

const firstLine = (error: unknown): string => String((error as Error).message).split('\n')[0] as string

/** The table as it stands in docs/reliability.md. */
export function tableOf(proofs: readonly Proof[]): string {
  const rows = proofs.map(({ plant, found, after, finding }) =>
    [
      plant.name,
      plant.breaks,
      found ? `${plant.by}, after ${after}` : '**not found**',
      finding.replaceAll('|', '\\|'),
    ].join(' | '),
  )
  return [
    '| planted fault | what it breaks | found by | what was said |',
    '|---|---|---|---|',
    ...rows.map((row) => `| ${row} |`),
  ].join('\n')
}

/** Every plant in turn; before them the engine as it is, by each of the three ways, in which nothing may be found. */
export async function proveAll(seed: number, tell: (proof: Proof) => void): Promise<Proof[]> {
  await using server = await startKillable({ durable: false })
  const prove = async (plant: Plant): Promise<Proof> => {
    const proof = await (plant.by === 'histories'
      ? proveByHistories(plant, server.url)
      : proveBySoak(plant, seed))
    tell(proof)
    return proof
  }
  for (const by of ['histories', 'soak', 'soak with hooks'] as const) {
    const { found, finding } = await prove({ name: 'none', breaks: '', by })
    if (found) throw new Error(`without any planted fault, ${by} found: ${finding}`)
  }
  const proofs: Proof[] = []
  for (const plant of plants) proofs.push(await prove(plant))
  return proofs
}
