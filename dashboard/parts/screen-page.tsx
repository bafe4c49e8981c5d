// One VM's screen alone, as a thin client: /#/vm/NAME/screen. What a person needs to work in the
// VM, and nothing of the cluster around it.
// Not here: the screen itself (screen-panel.tsx).

import { useEffect } from 'preact/hooks'
import { staysOpen, vmPhaseSentences } from '#proto/state.ts'
import { view } from '../cluster.ts'
import { hashOf } from '../route.ts'
import { ScreenPanel } from './screen-panel.tsx'

export function ScreenPage({ id }: { id: string }) {
  useEffect(() => {
    const before = document.title
    document.title = `${id} – Godwit`
    return () => {
      document.title = before
    }
  }, [id])
  const vm = view.value?.vms.find((one) => one.id === id)
  if (!view.value) return <Instead text="Waiting for the coordinator’s first word …" />
  if (!vm) return <Instead text={`There is no VM ${id} now.`} />
  if (vm.spec.screen === undefined) return <Instead id={id} text={`${id} has no screen.`} />
  if (!staysOpen(vm.phase)) return <Instead id={id} text={`${id} ${vmPhaseSentences[vm.phase]}.`} />
  return (
    <main class="thin-client">
      <ScreenPanel key={id} vm={vm} isAlone />
    </main>
  )
}

function Instead({ text, id }: { text: string; id?: string }) {
  return (
    <main class="waiting">
      <p class="empty">
        {text}{' '}
        <a href={hashOf(id === undefined ? { is: 'cluster' } : { is: 'vm', id })}>The cluster</a>
      </p>
    </main>
  )
}
