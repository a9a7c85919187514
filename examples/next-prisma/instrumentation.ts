export async function register() {
  if (process.env.NEXT_RUNTIME !== 'nodejs') return
  const { adapter } = await import('./lib/endpoint')
  await adapter.migrate()
}
