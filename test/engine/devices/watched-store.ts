// A disk store whose writes and flushes can be watched, counted or cut short by a test.
// Not here: a store that forgets (env's MemoryDisk).

import type { DiskStore } from '#engine/devices/layered-disk.ts'
import type { MemoryDisk } from '#env/memory.ts'

/** The store, with something that happens before its files are written or flushed. */
export function watched(
  store: MemoryDisk,
  on: { write?: () => void; flush?: () => void },
): DiskStore {
  return {
    exists: (name) => store.exists(name),
    open: (name, mode) => {
      const file = store.open(name, mode)
      return {
        read: (offset, into) => file.read(offset, into),
        write: (offset, from) => {
          on.write?.()
          file.write(offset, from)
        },
        flush: () => {
          on.flush?.()
          file.flush()
        },
        close: () => file.close(),
      }
    },
  }
}
