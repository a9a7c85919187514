// `prisma generate` never runs the schema engine, yet the command downloads it first. Any file in its place will do.
if (process.argv.includes('generate')) process.env.PRISMA_SCHEMA_ENGINE_BINARY ??= process.execPath

import { defineConfig } from 'prisma/config'

export default defineConfig({ schema: './schema.prisma' })
