import { join } from 'node:path'
import { foreignObjects } from '../postgres/install/uninstall.ts'
import type { Statement } from '../postgres/sql/statement.ts'

export const tools = ['plain', 'drizzle', 'prisma', 'kysely'] as const
export type Tool = (typeof tools)[number]

/** A migration in the form of a tool. */
export interface MigrationFile {
  readonly text: string
  /** What keeps the tool from dropping what it does not know. */
  readonly keep: string
}

/**
 * Statements as a migration of a tool.
 *
 * @param whole they install everything: then there is a way down.
 */
export function migrationFile(
  tool: Tool,
  given: readonly Statement[],
  s: string,
  whole: boolean,
): MigrationFile {
  // such a tool runs its files in a transaction, where nothing can be built beside the traffic
  const statements = given.map(({ text, inTransaction = text }) => inTransaction)
  const keep = keeps[tool](s)
  const header = [
    'postern: the ledger, the log, and the functions compiled from the schema.',
    ...keep.split('\n'),
  ]
  if (tool === 'kysely') return { text: kysely(statements, s, whole, header), keep }
  const separator = tool === 'drizzle' ? ';\n--> statement-breakpoint\n' : ';\n\n'
  const head = header.map((line) => `-- ${line}`).join('\n')
  return { text: `${head}\n\n${statements.join(separator)};\n`, keep }
}

const keeps: Readonly<Record<Tool, (s: string) => string>> = {
  plain: (s) => `Everything is in the schema ${s}: keep your tool away from it.`,
  drizzle: (s) =>
    `drizzle.config.ts: schemaFilter: ['public'] (list your own schemas), so that \`drizzle-kit push\` and \`pull\` leave ${s} alone.`,
  prisma: (s) =>
    `Prisma manages the schemas that the datasource lists (\`schemas\`), else the one of the connection:\nkeep ${s} out of that list, and \`migrate\` and \`db push\` leave it alone.`,
  kysely: (s) => `Kysely drops nothing by itself. kysely-codegen: --exclude-pattern '${s}.*'.`,
}

const template = (text: string): string => `\`${text.replace(/[\\`]|\$\{/g, '\\$&')}\``

/** Drops our schema, and refuses where that would take along what is not ours. */
const goneStatements = (s: string): string[] => [
  `do $postern$
declare _names text;
begin
  select string_agg(x.name, ', ') into _names from (${foreignObjects(s)}) x;
  if _names is not null then
    raise exception 'Schema ${s} is not ours alone; this would be dropped too: %. Move or drop it first.', _names;
  end if;
end $postern$`,
  `drop schema ${s} cascade`,
]

function kysely(statements: readonly string[], s: string, whole: boolean, header: readonly string[]): string {
  const texts = statements.map((one) => `  ${template(one)},`)
  return [
    ...header.map((line) => `// ${line}`),
    "import { type Kysely, sql } from 'kysely'",
    '',
    'const statements = [',
    ...texts,
    ']',
    '',
    'export async function up(db: Kysely<unknown>): Promise<void> {',
    '  for (const statement of statements) await sql.raw(statement).execute(db)',
    '}',
    '',
    ...(whole
      ? [
          '// Keys, events and stamps are lost with it.',
          'const gone = [',
          ...goneStatements(s).map((one) => `  ${template(one)},`),
          ']',
          '',
          'export async function down(db: Kysely<unknown>): Promise<void> {',
          '  for (const statement of gone) await sql.raw(statement).execute(db)',
          '}',
        ]
      : ['// No way down: functions of an older schema are still there, and disturb nobody.']),
    '',
  ].join('\n')
}

/** Where it goes: a file is taken as it is, a directory gets one by the tool's own rule. */
export function migrationPath(tool: Tool, out: string, now: Date): string {
  if (/\.(sql|m?[jt]s)$/.test(out)) return out
  const stamp = now.toISOString().replace(/\D/g, '').slice(0, 14)
  if (tool === 'prisma') return join(out, `${stamp}_postern`, 'migration.sql')
  if (tool === 'kysely') return join(out, `${stamp}_postern.ts`)
  return join(out, `${stamp}_postern.sql`)
}
