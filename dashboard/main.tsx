// The page's first line of code: finds out who looks, looks at the cluster and draws it.
// Not here: what it draws (parts/page.tsx), who may see what (session.ts).

import { render } from 'preact'
import { holdPageWhileCarrying } from './carrying.ts'
import { connection, watchCluster } from './cluster.ts'
import { watchKeys } from './keys.ts'
import { watchLaboratory } from './laboratory.ts'
import { seekOthers } from './others.ts'
import { Login } from './parts/login.tsx'
import { Page } from './parts/page.tsx'
import { followAddress } from './route.ts'
import { findOutWhoLooks, followLinks, isKnown, lookAgain, me } from './session.ts'
import { watchSights } from './sights.ts'
import { watchStory } from './story.ts'

const place = document.getElementById('page')

function begin(): void {
  followAddress()
  holdPageWhileCarrying()
  watchCluster()
  watchLaboratory()
  watchSights()
  watchKeys()
  watchStory()
  seekOthers()
  if (place) render(<Page />, place)
  // Whom it has just been told the page does not ask again as its stream comes up.
  let isTold = isKnown()
  connection.subscribe(({ is }) => {
    if (is === 'connecting') return
    if (is === 'away' || !isTold) void lookAgain()
    isTold = false
  })
  document.addEventListener('visibilitychange', () => {
    if (!document.hidden) void lookAgain()
  })
}

followLinks()
await findOutWhoLooks()
if (me.value !== 'stranger') begin()
else if (place) render(<Login onIn={begin} />, place)
