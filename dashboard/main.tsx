// The page's first line of code: looks at the cluster and draws it.
// Not here: what it draws (parts/page.tsx).

import { render } from 'preact'
import { holdPageWhileCarrying } from './carrying.ts'
import { watchCluster } from './cluster.ts'
import { watchLaboratory } from './laboratory.ts'
import { Page } from './parts/page.tsx'
import { followAddress } from './route.ts'
import { watchSights } from './sights.ts'
import { watchStory } from './story.ts'

followAddress()
holdPageWhileCarrying()
watchCluster()
watchLaboratory()
watchSights()
watchStory()
const place = document.getElementById('page')
if (place) render(<Page />, place)
