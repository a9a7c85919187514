#!/usr/bin/env node
import { run } from './program.ts'

/** 128 and the number of SIGPIPE: what a shell says of a program whose reader has gone. */
const READER_GONE = 141

for (const stream of [process.stdout, process.stderr]) {
  stream.on('error', (error: NodeJS.ErrnoException) => {
    // `postern send events | head`: nobody reads what comes next, and nothing is wrong
    process.exit(error.code === 'EPIPE' ? READER_GONE : 1)
  })
}

const code = await run(process.argv.slice(2))
// an application's module leaves its pools open; what was printed is out when the callback comes
process.stdout.write('', (error) => process.exit(error == null ? code : READER_GONE))
