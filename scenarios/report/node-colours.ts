// One look for each node in all pictures of a report: a colour, the ink that can be read on it
// (4.5:1 and more), and a dash for lines, so that nobody needs the colours. Okabe and Ito's, which
// the colour-blind tell apart (2008). Pure.

export interface NodeLook {
  readonly colour: string
  readonly ink: string
  /** Of lines: stroke-dasharray. */
  readonly dash: string
}

const [light, dark] = ['#fff', '#111']
const looks: readonly NodeLook[] = [
  { colour: '#0072b2', ink: light, dash: 'none' },
  { colour: '#e69f00', ink: dark, dash: '7 3' },
  { colour: '#009e73', ink: dark, dash: '2 2' },
  { colour: '#cc79a7', ink: dark, dash: '10 3 2 3' },
  { colour: '#56b4e9', ink: dark, dash: '4 4' },
  { colour: '#d55e00', ink: dark, dash: '12 4' },
  { colour: '#a09000', ink: dark, dash: '1 3' },
]
const unknown: NodeLook = { colour: 'var(--soft)', ink: dark, dash: 'none' }

export type Looks = (nodeId: string) => NodeLook

/** The nth node has the nth look. */
export function looksOf(nodeIds: readonly string[]): Looks {
  const byId = new Map(nodeIds.map((id, n) => [id, looks[n % looks.length]]))
  return (id) => byId.get(id) ?? unknown
}
