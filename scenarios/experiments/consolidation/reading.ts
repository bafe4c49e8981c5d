// Where programs and text that were published differ, the choice: five questions, each answered as
// CloudSim 3.0 does (package org.cloudbus.cloudsim.power, released with the paper), as it does
// since a mend of October 2012, or as the paper's text does. Pure data; what follows from each is
// measured by the experiment `consolidation-readings` and told in docs/experiments.md.

export interface Reading {
  /**
   * Does local regression weigh samples as Loess does? CloudSim computes weights, and uses none.
   */
  readonly weighsSamples: boolean
  /** Is a node full when its memory is? In CloudSim VMs ask for 0 bytes once they have started. */
  readonly keepsMemory: boolean
  /** Does a VM that asks for nothing stay? In CloudSim it counts as completed, and is gone. */
  readonly keepsIdleVms: boolean
  /**
   * Is what was planned a moment ago counted when the power of the next VM is reckoned? CloudSim
   * 3.0: not. Since issue 37 of Cloudslab/cloudsim was mended: in the power with the VM, but not in
   * that without, so that a node looks the dearer the more was just planned there (issue 167).
   */
  readonly plans: 'uncounted' | 'half-counted' | 'counted'
  /**
   * Is the idle power of a node that would be switched on counted? In CloudSim it costs nothing.
   */
  readonly countsWaking: boolean
}

/** CloudSim 3.0, which the paper's own figures are the nearest to. */
export const asFirstReleased: Reading = {
  weighsSamples: false,
  keepsMemory: false,
  keepsIdleVms: false,
  plans: 'uncounted',
  countsWaking: false,
}

/** CloudSim since then, from which the figures come that later papers compare with. */
export const asLaterReleased: Reading = { ...asFirstReleased, plans: 'half-counted' }

export const asWritten: Reading = {
  weighsSamples: true,
  keepsMemory: true,
  keepsIdleVms: true,
  plans: 'counted',
  countsWaking: true,
}

/** The three, and each difference alone. */
export const readings = {
  'later release': asLaterReleased,
  'first release': asFirstReleased,
  'plans counted': { ...asLaterReleased, plans: 'counted' },
  'waking counted': { ...asLaterReleased, countsWaking: true },
  'idle VMs kept': { ...asLaterReleased, keepsIdleVms: true },
  'samples weighed': { ...asLaterReleased, weighsSamples: true },
  'memory kept': { ...asLaterReleased, keepsMemory: true },
  'as written, but memory': { ...asWritten, keepsMemory: false },
  'as written': asWritten,
} as const satisfies Readonly<Record<string, Reading>>
