// Why a VM is where it is, node by node, and what would have to change: asked of the coordinator
// when it is opened, and again when the VM is somewhere else. Not here: how it is found out
// (coordinator/core/ha/why.ts).

import { useEffect, useState } from 'preact/hooks'
import type { VmView } from '#proto/api.ts'
import { WhyView } from '#proto/ha.ts'
import { addressOf } from '../browser.ts'
import { Sign } from './sign.tsx'

async function fetchWhy(vmId: string): Promise<WhyView | undefined> {
  try {
    const answer = await fetch(addressOf(`v1/vms/${vmId}/why`))
    return answer.ok ? WhyView.parse(await answer.json()) : undefined
  } catch {
    return undefined // The page says already that the coordinator is away.
  }
}

export function Why({ vm }: { vm: VmView }) {
  const [isOpen, setOpen] = useState(false)
  const [why, setWhy] = useState<WhyView>()
  const now = `${vm.phase} ${vm.nodeId} ${vm.epoch} ${vm.fault?.message}`
  useEffect(() => {
    if (isOpen) void fetchWhy(vm.id).then(setWhy)
  }, [isOpen, vm.id, now])
  return (
    <details class="why" onToggle={(event) => setOpen(event.currentTarget.open)}>
      <summary>Why is it there?</summary>
      {why && <Answer {...why} />}
    </details>
  )
}

function Answer({ now, bound, nodes, mend }: WhyView) {
  return (
    <>
      <p>{now}.</p>
      <Lines title="What binds it" lines={bound} />
      <h3>Each node</h3>
      <ul>
        {nodes.map(({ id, may, text }) => (
          <li key={id} class={may ? 'good' : 'bad'}>
            <Sign name={may ? 'on' : 'bad'} /> <b>{id}</b> {text}
          </li>
        ))}
      </ul>
      <Lines title="What would have to change" lines={mend} />
    </>
  )
}

function Lines({ title, lines }: { title: string; lines: readonly string[] }) {
  if (lines.length === 0) return null
  return (
    <>
      <h3>{title}</h3>
      <ul>
        {lines.map((line) => (
          <li key={line}>{line}</li>
        ))}
      </ul>
    </>
  )
}
