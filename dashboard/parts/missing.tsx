// What stands where a VM or a node would be close up that is not there: it was removed, or an
// address names it wrongly. Its events may still be there. Not here: a screen of one that is not
// there (screen-page.tsx).

import { useEffect, useState } from 'preact/hooks'
import { hashOf } from '../route.ts'
import { allows } from '../session.ts'
import { Panel } from './panel.tsx'

/** One that was just asked for comes sooner, and nobody is told meanwhile that it is not there. */
const patienceMs = 1000

/** Who sees a part of the cluster cannot know. */
const orHidden = () => (allows('see-cluster') ? '' : ', or it is not yours to see')

export function Missing({ is, id }: { readonly is: 'vm' | 'node'; readonly id: string }) {
  const [isLate, setLate] = useState(false)
  useEffect(() => {
    const timer = setTimeout(() => setLate(true), patienceMs)
    return () => clearTimeout(timer)
  }, [])
  return (
    <Panel title={id} from="nodes" isQuiet>
      <p class="sentence" role="status">
        {isLate && `There is no ${is === 'vm' ? 'VM' : 'node'} ${id} now${orHidden()}.`}
      </p>
      <p>
        <a href={hashOf({ is: 'events', filter: { [is]: id } })}>Events of {id}</a>
      </p>
    </Panel>
  )
}
