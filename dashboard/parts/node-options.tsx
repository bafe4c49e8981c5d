// The nodes that something can go to now, as the options of a select: those that are online.
// What stands above them, and what is done with the choice, is for whoever shows it.
// Not here: where a VM may go by its rules (the coordinator says).

import type { NodeView } from '#proto/api.ts'

export const NodeOptions = ({ nodes }: { readonly nodes: readonly NodeView[] }) =>
  nodes
    .filter(({ phase }) => phase === 'online')
    .map(({ id }) => (
      <option key={id} value={id}>
        {id}
      </option>
    ))
