import type { DatabaseSync } from 'node:sqlite'
import { PosternError } from 'postern'

const SQLITE_BUSY = 5

/**
 * One transaction at a time. Within this process they queue: `begin immediate` on a connection that is in one already
 * would be an error, and a synchronous wait for the other would never end, since both run on this thread. For another
 * process that writes, it asks again until the time is up.
 */
export class Writer {
  readonly #db: DatabaseSync
  readonly #lockTimeoutMs: number
  #last: Promise<unknown> = Promise.resolve()

  constructor(db: DatabaseSync, lockTimeoutMs: number) {
    this.#db = db
    this.#lockTimeoutMs = lockTimeoutMs
    db.exec('pragma busy_timeout = 0')
  }

  transaction<T>(work: (db: DatabaseSync) => Promise<T>): Promise<T> {
    const turn = this.#last.then(() => this.#run(work))
    this.#last = turn.catch(() => {})
    return turn
  }

  close(): void {
    this.#db.close()
  }

  async #run<T>(work: (db: DatabaseSync) => Promise<T>): Promise<T> {
    await this.#begin()
    try {
      const result = await work(this.#db)
      this.#db.exec('commit')
      return result
    } catch (error) {
      // SQLite ends a transaction by itself after some errors, a full disk for example
      if (this.#db.isTransaction) this.#db.exec('rollback')
      throw error
    }
  }

  async #begin(): Promise<void> {
    const end = Date.now() + this.#lockTimeoutMs
    for (let wait = 1; ; wait = Math.min(wait * 2, 50)) {
      try {
        return this.#db.exec('begin immediate')
      } catch (error) {
        if ((error as { errcode?: number }).errcode !== SQLITE_BUSY) throw error
        if (Date.now() > end) throw new PosternError('source_busy', undefined, { cause: error })
      }
      await new Promise((resolve) => setTimeout(resolve, wait))
    }
  }
}
