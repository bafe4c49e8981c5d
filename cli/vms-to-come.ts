// Rules and groups may name VMs that come later, so a name that nobody has is no mistake; but it
// may be a slip, and then the rule would bind nobody: somebody who declares one is told. Pure.
// Not here: what a rule does (docs/high-availability.md).

import { nearestName } from '#scenarios/language/nearest-name.ts'

/** `There is no VM webb yet; did you mean web?`, of each name that nobody has. */
export function toComeTexts(
  named: readonly string[],
  { vms, groups }: { readonly vms: readonly string[]; readonly groups: readonly string[] },
): string[] {
  const known = [...vms, ...groups.map((name) => `group:${name}`)]
  return named
    .filter((name) => !known.includes(name))
    .map((name) => {
      const near = nearestName(name, known)
      const what = name.startsWith('group:') ? name.replace(':', ' ') : `VM ${name}`
      return `There is no ${what} yet${near ? `; did you mean ${near}?` : ''}`
    })
}
