// The templates that whoever looks may see: asked of the coordinator while somebody looks at them,
// for its view of the cluster has none. Not here: what may be done with one (actions.ts).

import { signal } from '@preact/signals'
import { useEffect } from 'preact/hooks'
import { z } from 'zod'
import { TemplateView } from '#proto/api.ts'
import { ask, isRefused } from './asking.ts'

const lookEveryMs = 1500
const List = z.array(TemplateView)

/** By name; undefined: nobody has looked yet. */
export const templates = signal<readonly TemplateView[] | undefined>(undefined)

async function look(): Promise<void> {
  const answer = await ask(List, 'GET', 'v1/templates')
  if (isRefused(answer)) return // The page says already that the coordinator is away.
  templates.value = answer.value.sort((a, b) => (a.name < b.name ? -1 : 1))
}

/** For as long as the part that calls this is drawn. */
export function useTemplates(): readonly TemplateView[] | undefined {
  useEffect(() => {
    void look()
    const timer = setInterval(() => void look(), lookEveryMs)
    return () => clearInterval(timer)
  }, [])
  return templates.value
}
