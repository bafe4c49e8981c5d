// One VM's screen alone, as a thin client: /#/vm/NAME/screen. What a person needs to work in the
// VM, and nothing of the cluster around it.
// Not here: the screen itself (screen-panel.tsx).

import { useEffect } from 'preact/hooks'
import { staysOpen, vmPhaseSentences } from '#proto/state.ts'
import { view } from '../cluster.ts'
import { hashOf } from '../route.ts'
import { allows } from '../session.ts'
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
  if (!view.value) return <Instead name={id} text="Waiting for the coordinator’s first word …" />
  if (!vm) return <Instead name={id} text={`There is no VM ${id} now.`} />
  if (vm.spec.screen === undefined)
    return <Instead name={id} isThere text={`${id} has no screen.`} />
  if (!allows('look', vm))
    return <Instead name={id} isThere text={`The screen of ${id} is not yours to see.`} />
  if (!staysOpen(vm.phase))
    return <Instead name={id} isThere text={`${id} ${vmPhaseSentences[vm.phase]}.`} />
  return (
    <main class="thin-client">
      <ScreenPanel key={id} vm={vm} isAlone />
    </main>
  )
}

interface InsteadProps {
  readonly name: string
  readonly text: string
  readonly isThere?: boolean
}

function Instead({ name, text, isThere = false }: InsteadProps) {
  return (
    <main class="waiting">
      <h1>{name}</h1>
      <p class="empty">
        {text}{' '}
        <a href={hashOf(isThere ? { is: 'vm', id: name } : { is: 'cluster' })}>The cluster</a>
      </p>
    </main>
  )
}
