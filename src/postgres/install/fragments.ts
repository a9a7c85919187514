/** Pieces of SQL that several functions need and that stand once. */

/** The last entry of a row into `target`, a variable of the type `entry`. */
export const lastEntry = (s: string, target: string, rel: string, key: string): string =>
  `select l.position, l.type, l.tenant into ${target} from ${s}.log l where (l.key, l.rel) = (${key}, ${rel})
  order by l.key desc, l.rel desc, l.position desc limit 1;`

/** Looks for an entry of the row after `readAt`. Most decisions are fresh, and one look shows it. */
export const changedSince = (s: string, rel: string, key: string, readAt: string): string =>
  // two-sided row comparisons and the order keep the planner on log_row: with position > x alone it walks the
  // primary key over everything that came since
  `select 1 from ${s}.log l
    where (l.key, l.rel, l.position) > (${key}, ${rel}, ${readAt})
      and (l.key, l.rel, l.position) < (${key}, ${rel}, 9223372036854775807)
    order by l.key, l.rel, l.position limit 1`

/** Lets the application's triggers see the session's own path while a statement of ours runs, and ours afterwards. */
export const openPath = `_x := set_config('search_path', _path, true);`
export const closePath = `_x := set_config('search_path', 'pg_catalog, pg_temp', true);`

/** A refusal after the lock has a transaction id, but nothing to keep: it does not flush while it holds the row. */
export const unflushed = `if _alone then perform set_config('synchronous_commit', 'off', true); end if;`

/** What a value that its column would round, cut or roll over is answered with. */
export const inexactValue = (s: string): string =>
  `raise exception '${s}: a value has more digits than its column keeps' using errcode = '22003';`

/** What a write is answered with that a trigger or a rule of the application kept from happening. */
export const suppressedWrite = (s: string): string =>
  `raise exception '${s}: a trigger or rule suppressed the write' using errcode = 'PN409';`
