import pg from 'pg'

/** A pool whose idle connections may be killed. */
export function poolOf(url: string, max: number): pg.Pool {
  return new pg.Pool({ connectionString: url, max }).on('error', () => {})
}
