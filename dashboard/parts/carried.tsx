// The VM that is being carried, under the pointer, and what each node would be for it.
// Not here: the carrying (../carrying.ts).

import { carried, overNodeId, takenUpAt } from '../carrying.ts'
import { prospectText } from '../forecasts.ts'
import { ProspectSign } from './forecast.tsx'
import { Sign } from './sign.tsx'

export function Carried() {
  const held = carried.value
  if (!held) return null
  const { x, y } = takenUpAt
  const over = overNodeId.value
  const prospect = over === undefined ? undefined : held.asked.prospects.value.get(over)
  return (
    <>
      <div id="carried" style={{ transform: `translate(${x}px, ${y}px)` }} aria-hidden="true">
        <span>
          <Sign name="move" /> {held.vm.id}
        </span>
      </div>
      <p class="spoken" aria-live="polite">
        {prospect
          ? `${held.vm.id} over ${over}: ${prospectText(prospect)}`
          : `${held.vm.id} is taken up. Drop it on a node; Escape lets it go.`}
      </p>
    </>
  )
}

/** Lies over a node's card while a VM is carried: nothing on the card is moved by it. */
export function DropSign({ nodeId }: { nodeId: string }) {
  const held = carried.value
  const prospect = held?.asked.prospects.value.get(nodeId)
  if (!held || !prospect) return null
  const isOver = overNodeId.value === nodeId
  return (
    <div class={`drop ${prospect.is} ${isOver ? 'over' : ''}`}>
      <p class="where">{isOver && prospect.is === 'open' ? `Move to ${nodeId}` : nodeId}</p>
      <ProspectSign prospect={prospect} />
    </div>
  )
}
