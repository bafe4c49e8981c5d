// What the replay is judged by, added up while time passes: energy, how long nodes were short of
// CPU (SLATAH: in parts of the time that they were on), what VMs lost because they moved (PDM: in
// parts of what they asked for). Beloglazov and Buyya 2012, section 3.6; what exactly is counted as
// short is as in the released program: also a node to which a VM is just moving, for it gets a
// tenth of what it asks for. Pure. Seconds, MIPS, J.

export class NodeAccount {
  #last: { atSec: number; isOn: boolean; isShort: boolean } | undefined
  onSec = 0
  shortSec = 0
  /** How often it went from on to off. */
  shutdowns = 0

  /** From now on, until the next note; a note for the same instant replaces the earlier one. */
  note(atSec: number, gotMips: number, askedMips: number): void {
    const last = this.#last
    const now = { atSec, isOn: gotMips > 0, isShort: gotMips < askedMips }
    if (last?.isOn) {
      this.onSec += atSec - last.atSec
      if (last.isShort) this.shortSec += atSec - last.atSec
      if (!now.isOn && atSec > last.atSec) this.shutdowns++
    }
    this.#last = now
  }
}

export class VmAccount {
  #last: { atSec: number; got: number; asked: number; moves: boolean } | undefined
  asked = 0
  /** Of what it asked for while it moved. */
  lost = 0

  note(atSec: number, got: number, asked: number, moves: boolean): void {
    const last = this.#last
    if (last) {
      const passedSec = atSec - last.atSec
      this.asked += last.asked * passedSec
      if (last.moves && last.got < last.asked) this.lost += (last.asked - last.got) * passedSec
    }
    this.#last = { atSec, got, asked, moves }
  }
}

export interface Measures {
  readonly energyKwh: number
  readonly migrations: number
  /** SLA violation time per active node, 0 to 1. */
  readonly slatah: number
  /** Performance degradation due to migrations, 0 to 1. */
  readonly pdm: number
  /** SLATAH × PDM. */
  readonly slav: number
  /** Energy × SLAV, kWh. */
  readonly esv: number
  readonly shutdowns: number
  /** Nodes that were on, on the average over time. */
  readonly nodesOn: number
}

interface Totals {
  readonly joules: number
  readonly migrations: number
  readonly nodesOn: readonly number[]
}

export function measuresOf(
  {
    nodes,
    vms,
  }: {
    readonly nodes: readonly { readonly account: NodeAccount }[]
    readonly vms: readonly { readonly account: Pick<VmAccount, 'asked' | 'lost'> }[]
  },
  { joules, migrations, nodesOn }: Totals,
): Measures {
  const ofNodes = (of: (node: NodeAccount) => number) =>
    nodes.reduce((sum, { account }) => sum + of(account), 0)
  const ofVms = (of: (vm: Pick<VmAccount, 'asked' | 'lost'>) => number) =>
    vms.reduce((sum, { account }) => sum + of(account), 0)
  const part = (of: number, whole: number) => (whole === 0 ? 0 : of / whole)
  const slatah = part(
    ofNodes(({ shortSec }) => shortSec),
    ofNodes(({ onSec }) => onSec),
  )
  const pdm = part(
    ofVms(({ lost }) => lost),
    ofVms(({ asked }) => asked),
  )
  const energyKwh = joules / 3_600_000
  return {
    ...{ energyKwh, migrations, slatah, pdm },
    ...{ slav: slatah * pdm, esv: energyKwh * slatah * pdm },
    shutdowns: ofNodes(({ shutdowns }) => shutdowns),
    nodesOn: part(
      nodesOn.reduce((sum, on) => sum + on, 0),
      nodesOn.length,
    ),
  }
}
