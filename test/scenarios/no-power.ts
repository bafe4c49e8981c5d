// What a double of the cluster says of power: nothing is saved. Not here: the double itself, which
// is test/scenarios/fake-cluster.ts for the runner, and test/coordinator-double/ for the page and
// the command line.

import { type PowerView, powerSettingsDefault } from '#proto/power.ts'

export const noPower: PowerView = {
  settings: powerSettingsDefault,
  ...{ watts: 0, joules: 0, joulesAllOn: 0, nodes: [] },
}
