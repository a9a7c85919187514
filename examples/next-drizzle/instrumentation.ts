export async function register() {
  if (process.env.NEXT_RUNTIME !== 'nodejs') return
  const { adapter } = await import('./lib/source')
  await adapter.migrate()
}
