// The snapshots of a VM as a tree: each under the one that the VM had been before it was taken.
// Pure. Not here: asking for them (commands/snapshot.ts).

import type { SnapshotView } from '#proto/api.ts'

/**
 * ```
 * base
 * ├─ with-database
 * │  └─ tuned   ← kv is here
 * └─ without
 * ```
 */
export function snapshotTree(vmId: string, snapshots: readonly SnapshotView[]): string[] {
  const names = new Set(snapshots.map(({ name }) => name))
  const byAge = [...snapshots].sort((a, b) => (a.takenWallMs ?? 0) - (b.takenWallMs ?? 0))
  const childrenOf = (name: string | undefined) =>
    byAge.filter(({ basedOn }) =>
      name === undefined ? basedOn === undefined || !names.has(basedOn) : basedOn === name,
    )
  const lines: string[] = []
  const seen = new Set<string>()
  const draw = (snapshot: SnapshotView, prefix: string, branch: string) => {
    if (seen.has(snapshot.name)) return
    seen.add(snapshot.name)
    lines.push(`${prefix}${branch}${labelOf(vmId, snapshot)}`)
    const below = prefix + (branch === '' ? '' : branch === '└─ ' ? '   ' : '│  ')
    const children = childrenOf(snapshot.name)
    for (const [at, child] of children.entries())
      draw(child, below, at === children.length - 1 ? '└─ ' : '├─ ')
  }
  for (const root of childrenOf(undefined)) draw(root, '', '')
  return lines
}

function labelOf(vmId: string, { name, phase, isCurrent }: SnapshotView): string {
  const state = phase === 'ready' ? '' : ` (${phase})`
  return `${name}${state}${isCurrent ? `   ← ${vmId} is here` : ''}`
}
