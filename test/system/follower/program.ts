import type { WireOperation } from '../../support/caller.ts'
import type { Random } from '../differential/random.ts'
import { TENANTS } from './shop.ts'

const small = (random: Random) => ({
  folder: () => `f${random.int(0, 4)}`,
  file: () => `x${random.int(0, 7)}`,
  page: () => `p${random.int(0, 7)}`,
  note: () => random.int(0, 7),
  tag: () => `g${random.int(0, 3)}`,
  part: () => random.int(0, 19),
  node: () => `n${random.int(0, 5)}`,
  tenant: () => random.pick(TENANTS),
  word: () => `w${random.int(0, 999)}`,
  label: () => random.pick(['phoenix', `w${random.int(0, 999)}`]),
  maybe: (text: string) => (random.chance(0.5) ? text : 'null'),
})

/** One statement as an application, a job or an operator writes it. */
export function statement(random: Random): string {
  const { folder, file, page, note, tag, part, node, tenant, word, label, maybe } = small(random)
  const texts: readonly (() => string)[] = [
    () =>
      `insert into folders values ('${folder()}', '${tenant()}', '${word()}') on conflict (id) do update set name = excluded.name`,
    () =>
      `insert into files (id, folder_id, name, size) values ('${file()}', '${folder()}', '${word()}', ${random.int(0, 8)}.${random.int(0, 8)}0) on conflict do nothing`,
    () =>
      `insert into files (id, folder_id, name, size) select 'x' || i, '${folder()}', 'bulk', i from generate_series(${random.int(0, 3)}, ${random.int(4, 7)}) i on conflict (id) do update set size = excluded.size, folder_id = excluded.folder_id`,
    () =>
      `insert into pages values ('${page()}', '${file()}', 'b') on conflict (id) do update set file_id = excluded.file_id`,
    () =>
      `insert into notes (id, organization_id, body, folder_id, file_id) select ${note()}, '${tenant()}', '${word()}', ${maybe(`'${folder()}'`)}, ${maybe(`(select id from files where id = '${file()}')`)}`,
    () => `update files set size = size + 1 where id <= '${file()}'`,
    // another text of the same number: the wire carries the text
    () =>
      `update files set size = (size::text || '0')::numeric where id = '${file()}' and length(size::text) < 12`,
    () => `update files set folder_id = ${maybe(`'${folder()}'`)} where id = '${file()}'`,
    () => `update folders set name = '${word()}' where id = '${folder()}'`,
    () =>
      `update folders set organization_id = ${random.chance(0.85) ? `'${tenant()}'` : 'null'} where id = '${folder()}'`,
    () => `update folders set id = '${folder()}' where id = '${folder()}'`,
    () => `update notes set body = '${word()}', organization_id = '${tenant()}' where id < ${note()}`,
    () => `update notes set id = 7 - id where id in (${note()}, ${note()})`,
    () => 'update notes set id = 7 - id',
    () => `delete from folders where id = '${folder()}'`,
    () => `delete from files where id in ('${file()}', '${file()}')`,
    () => `delete from pages where id >= '${page()}'`,
    () => `delete from notes where id = ${note()}`,
    () => {
      const id = tag()
      return `insert into tags select '${id}', '${label()}' where not exists (select from tags where id = '${id}')`
    },
    () => `insert into labels values ('${tag()}', 'l') on conflict do nothing`,
    () => `update tags set label = '${label()}'`,
    () => `delete from tags where id = '${tag()}'`,
    () =>
      `insert into parts select ${part()}, '${tenant()}', '${word()}' on conflict (id) do update set what = excluded.what`,
    () => `update parts set id = id + ${random.pick([10, -10])} where id = ${part()}`,
    () => `update parts_1 set what = '${word()}'`,
    () => `update parts set organization_id = '${tenant()}' where id < ${part()}`,
    () => `delete from parts where id = ${part()}`,
    () => `truncate parts_${random.int(1, 2)}`,
    () => `insert into tree values ('${node()}', ${maybe(`'${node()}'`)}, '${tenant()}', '${word()}')`,
    () => `update tree set name = '${word()}' where id >= '${node()}'`,
    () => `delete from tree where id = '${node()}'`,
    () =>
      `merge into counters c using (values ('c${tenant()}', 5), ('cz', 1)) v(id, n) on c.id = v.id when matched then update set n = c.n + v.n when not matched then insert values (v.id, 'c', v.n)`,
    () => `truncate ${random.pick(['labels', 'pages', 'parts'])}`,
    () =>
      `with d as (delete from pages where id = '${page()}' returning *) insert into pages select id || '9', file_id, body from d on conflict do nothing`,
  ]
  return random.pick(texts)()
}

/** One to four operations of a commit, on the same few rows as the statements. */
export function operations(random: Random): WireOperation[] {
  const { folder, file, page, note, tag, part, node, word } = small(random)
  const kinds: readonly (() => WireOperation)[] = [
    () => ({
      type: 'UPDATE',
      model: 'files',
      id: file(),
      input: { name: word(), size: String(random.int(0, 50)) },
    }),
    () => ({ type: 'DELETE', model: 'files', id: file() }),
    () => ({
      type: 'CREATE',
      model: 'files',
      id: file(),
      input: { folderId: folder(), name: word(), size: '1' },
    }),
    () => ({ type: 'UPDATE', model: 'folders', id: folder(), input: { name: word() } }),
    () => ({ type: 'DELETE', model: 'folders', id: folder() }),
    () => ({ type: 'CREATE', model: 'folders', id: folder(), input: { name: word() } }),
    () => ({ type: 'DELETE', model: 'tags', id: tag() }),
    () => ({ type: 'UPDATE', model: 'tags', id: tag(), input: { label: 'phoenix' } }),
    () => ({ type: 'DELETE', model: 'tree', id: node() }),
    () => ({ type: 'UPDATE', model: 'tree', id: node(), input: { name: word() } }),
    () => ({ type: 'UPDATE', model: 'notes', id: note(), input: { body: word() } }),
    () => ({ type: 'CREATE', model: 'notes', id: note(), input: { body: word() } }),
    () => ({ type: 'UPDATE', model: 'pages', id: page(), input: { body: word() } }),
    () => ({ type: 'CREATE', model: 'pages', id: page(), input: { fileId: file(), body: 'b' } }),
    () => ({ type: 'UPDATE', model: 'parts', id: part(), input: { what: word() } }),
  ]
  return Array.from({ length: random.int(1, 4) }, () => random.pick(kinds)())
}
