// Watches a node empty itself until nothing is left there that can leave, and says how far it is.
// Not here: what is said (evacuation-text.ts), what follows (commands/node.ts, commands/roll.ts).

import type { NodeView } from '#proto/api.ts'
import { evacuationHasEnded } from '#proto/state.ts'
import type { ApiClient } from '#scenarios/api-client.ts'
import type { Cli } from './cli.ts'
import { evacuationLine } from './evacuation-text.ts'
import { follow } from './follow.ts'

/** @returns the node, with what is stuck there; without `evacuation` when it was taken back. */
export async function followEvacuation(cli: Cli, api: ApiClient, id: string): Promise<NodeView> {
  const live = cli.terminal.notesInteractive ? cli.terminal.live('stderr') : undefined
  let told = ''
  const look = (view: { nodes: readonly NodeView[] }) => {
    const node = view.nodes.find((one) => one.id === id)
    const { evacuation } = node ?? {}
    if (!node || !evacuation) return node
    if (evacuationHasEnded(evacuation)) return node
    if (live) live.draw(evacuationLine(node))
    else if (told !== String(evacuation.left)) cli.terminal.note(evacuationLine(node))
    told = String(evacuation.left)
    return undefined
  }
  const onInterrupt = `${id} goes on without you; to take it back: godwit node return ${id}`
  try {
    return await follow(cli, api, look, { onInterrupt })
  } finally {
    live?.clear()
  }
}
