#!/usr/bin/env node
import { run } from './program.ts'

const code = await run(process.argv.slice(2))
// an application's module leaves its pools open; what was printed is out when the callback comes
process.stdout.write('', () => process.exit(code))
