import type { Command } from 'commander'

/** `postern conform`. Its options are those of the conformance kit, which reads them by itself. */
export function addConform(program: Command): void {
  program
    .command('conform')
    .description('Hold a running endpoint to the promises of the protocol; see postern conform --help.')
    .helpOption(false)
    .allowUnknownOption()
    .allowExcessArguments()
    .argument('[args...]')
    .action(async (args: string[]) => {
      const { conform } = await import('../../conformance/command.ts')
      process.exitCode = await conform(args)
    })
}
