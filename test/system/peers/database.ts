import pg from 'pg'

let made = 0

/** A new database on a server: its URL. */
export async function freshDatabaseOn(server: string): Promise<string> {
  const url = new URL(server)
  made += 1
  url.pathname = `/peers_${process.pid}_${made}`
  const admin = new pg.Client(server)
  await admin.connect()
  await admin.query(`create database ${url.pathname.slice(1)}`)
  await admin.end()
  return url.href
}
