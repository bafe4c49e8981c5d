// What the coordinator needs of a store: all records at the start, and transactions. A store that
// is durable when apply() returns (SQLite) makes nobody wait; one that is durable later (etcd) says
// when, and everything that may tell of a step waits for it (outlet.ts).
// Not here: SQLite (shell/sqlite-store.ts), etcd (etcd/etcd-store.ts).

import type { AccountShelf } from './accounts/records.ts'
import type { RecordKey, StoredRecord } from './core/records.ts'

export interface Store {
  /** Every record, in no order. Unknown kinds come too: loadState() refuses them by name. */
  load(): StoredRecord[]
  /**
   * All or nothing. Nothing returned: it is on the disk, or the call has thrown. A promise: it is
   * when that resolves, in the order of the calls; once one has been rejected, all later ones are.
   */
  apply(puts: readonly StoredRecord[], deletes: readonly RecordKey[]): Promise<void> | undefined
  /** Resolves when all that it was given is durable; undefined: it is. */
  settled?(): Promise<void> | undefined
  close(): void
}

/** With a shelf for accounts and grants beside the cluster's records. */
export interface ClusterStore extends Store {
  readonly people: AccountShelf
}
