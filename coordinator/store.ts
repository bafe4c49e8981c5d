// What the coordinator needs of a store: all records at the start, and transactions that are
// durable when they return. Not here: SQLite (shell/sqlite-store.ts). A store for several
// coordinators would also have to know its leader.

import type { RecordKey, StoredRecord } from './core/records.ts'

export interface Store {
  /** Every record, in no order. Unknown kinds come too: loadState() refuses them by name. */
  load(): StoredRecord[]
  /** All or nothing, and on the disk when it returns. Throws when it cannot be. */
  apply(puts: readonly StoredRecord[], deletes: readonly RecordKey[]): void
  close(): void
}
