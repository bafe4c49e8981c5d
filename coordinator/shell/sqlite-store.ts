// The coordinator's store in one SQLite file. Durable: write-ahead log, synchronous=FULL, one
// transaction a step, so that a process that is killed at any instant has either all of a step or
// nothing of it.
// Source: https://www.sqlite.org/pragma.html#pragma_synchronous

import { DatabaseSync, type StatementSync } from 'node:sqlite'
import { FaultError, fault, faultOf } from '#proto/faults.ts'
import type { AccountShelf, ShelfEntry } from '../accounts/records.ts'
import type { RecordKey, RecordKind, StoredRecord } from '../core/records.ts'
import type { ClusterStore } from '../store.ts'

const schema = `
  pragma journal_mode = wal;
  pragma synchronous = full;
  pragma busy_timeout = 2000;
  pragma locking_mode = exclusive;
  create table if not exists records (
    kind text not null, id text not null, value text not null, primary key (kind, id)
  ) strict, without rowid;
  create table if not exists people (
    kind text not null, id text not null, value text not null, primary key (kind, id)
  ) strict, without rowid;
`

/**
 * @param file a path, or `:memory:`. Throws a FaultError when the file cannot be opened or another
 * process has it.
 */
export function openSqliteStore(file: string): SqliteStore {
  try {
    return new SqliteStore(new DatabaseSync(file))
  } catch (thrown) {
    const why = faultOf(thrown).message
    const text = `the store ${file} cannot be opened: ${why}; does another coordinator use it?`
    throw new FaultError(fault('disk-failed', text))
  }
}

export class SqliteStore implements ClusterStore {
  /** Accounts and grants, in a table beside the cluster's records. */
  readonly people: AccountShelf
  readonly #database: DatabaseSync
  readonly #put: StatementSync
  readonly #delete: StatementSync

  constructor(database: DatabaseSync) {
    this.#database = database
    database.exec(schema)
    this.#put = database.prepare(
      `insert into records values (?, ?, ?)
       on conflict (kind, id) do update set value = excluded.value`,
    )
    this.#delete = database.prepare('delete from records where kind = ? and id = ?')
    this.people = shelfIn(database)
    // Takes the lock now, not at the first write: a second coordinator is turned away at its start.
    database.exec('begin immediate; commit')
  }

  load(): StoredRecord[] {
    return this.#database
      .prepare('select kind, id, value from records')
      .all()
      .map(({ kind, id, value }) => ({
        kind: String(kind) as RecordKind,
        id: String(id),
        value: JSON.parse(String(value)) as unknown,
      }))
  }

  apply(puts: readonly StoredRecord[], deletes: readonly RecordKey[]): undefined {
    this.#database.exec('begin immediate')
    try {
      for (const { kind, id, value } of puts) this.#put.run(kind, id, JSON.stringify(value))
      for (const { kind, id } of deletes) this.#delete.run(kind, id)
      this.#database.exec('commit')
    } catch (thrown) {
      // Of a full disk SQLite has rolled back by itself: what that says is not why.
      if (this.#database.isTransaction) this.#database.exec('rollback')
      throw thrown
    }
  }

  close(): void {
    this.#database.close()
  }
}

function shelfIn(database: DatabaseSync): AccountShelf {
  const put = database.prepare(
    `insert into people values (?, ?, ?)
     on conflict (kind, id) do update set value = excluded.value`,
  )
  const remove = database.prepare('delete from people where kind = ? and id = ?')
  return {
    load: () =>
      database
        .prepare('select kind, id, value from people')
        .all()
        .map(({ kind, id, value }) => ({
          kind: String(kind) as ShelfEntry['kind'],
          id: String(id),
          value: JSON.parse(String(value)) as unknown,
        })),
    put: ({ kind, id, value }) => void put.run(kind, id, JSON.stringify(value)),
    remove: (kind, id) => void remove.run(kind, id),
  }
}
