// The names that a shell completes words by: of the cluster that the line means, if it answers at
// once, and of what lies on this machine. Which word is completed by which: `kindOf`.
// Not here: the script, the offering (commands/completion.ts).

import { migrationHasEnded } from '#proto/state.ts'
import type { Cli } from './cli.ts'
import { connect, type GlobalOptions } from './connection.ts'

/** What is asked for: of the cluster, and of what commands do not load. */
type AskedKind =
  | ('vms' | 'nodes' | 'migrations' | 'rules' | 'groups')
  | ('snapshots' | 'templates' | 'experiments')
export type NameKind = AskedKind | 'scenarios' | 'images' | 'files'

export type KnownNames = Readonly<Record<AskedKind, readonly string[]>>
export const noNames: KnownNames = {
  ...{ vms: [], nodes: [], migrations: [], rules: [], groups: [] },
  ...{ snapshots: [], templates: [], experiments: [] },
}

/** Placeholder of an argument or of an option → what stands in its place. */
// tidy: data table
const byPlaceholder: Readonly<Record<string, NameKind>> = {
  ...{ vm: 'vms', vms: 'vms', node: 'nodes', nodes: 'nodes', process: 'nodes' },
  ...{ migration: 'migrations', template: 'templates', image: 'images' },
  ...{ scenario: 'scenarios', file: 'files', folder: 'files' },
}

/** Where the placeholder is a word that means something else elsewhere. */
// tidy: data table
const byPlace: Readonly<Record<string, NameKind>> = {
  'snapshot restore name': 'snapshots',
  'snapshot switch name': 'snapshots',
  'snapshot rm name': 'snapshots',
  'snapshot diff from': 'snapshots',
  'snapshot diff to': 'snapshots',
  'template show name': 'templates',
  'template export name': 'templates',
  'template rm name': 'templates',
  'rule set name': 'rules',
  'rule rm name': 'rules',
  'group set name': 'groups',
  'group rm name': 'groups',
  'report compare before': 'files',
  'report compare after': 'files',
  'experiment run name': 'experiments',
  'demo name': 'scenarios',
  'run --image name': 'images',
}

/** @param place the command, and of an option's value that option; @param word `vm`, `name` */
export const kindOf = (place: string, word: string): NameKind | undefined =>
  byPlace[`${place} ${word}`] ?? byPlaceholder[word]

/** A person waits for a completion: rather none than late. */
const namesMsMax = 400

/**
 * The names of the cluster that is meant, if it answers at once, and of experiments where one is
 * named. @param typed the words so far
 */
export async function knownNames(cli: Cli, typed: readonly string[]): Promise<KnownNames> {
  if (typed.includes('experiment')) return { ...noNames, experiments: await experimentNames() }
  const names = namesOfCluster(cli, typed).catch(() => noNames)
  const late = new Promise<KnownNames>((resolve) => {
    cli.clock.wakeAt(cli.clock.nowMs() + namesMsMax, () => resolve(noNames))
  })
  return Promise.race([names, late])
}

/** What they are made of is loaded by nobody else who completes a word. */
async function experimentNames(): Promise<string[]> {
  const { experiments } = await import('#scenarios/experiments/catalogue.ts')
  return experiments.map(({ name }) => name)
}

/** Snapshots are of a VM, and that has been typed. */
async function namesOfCluster(cli: Cli, typed: readonly string[]): Promise<KnownNames> {
  const api = connect(cli, whichIsMeant(typed))
  const { vms, nodes, migrations, rules, groups = [] } = await api.cluster()
  const vm = typed.includes('snapshot') ? vms.find(({ id }) => typed.includes(id)) : undefined
  const snapshots = vm ? await api.snapshots(vm.id) : []
  const templates = typed.includes('template') ? await api.templates() : []
  return {
    ...noNames,
    ...{ vms: vms.map(idOf), nodes: nodes.map(idOf) },
    migrations: migrations.filter(({ phase }) => !migrationHasEnded(phase)).map(idOf),
    ...{ rules: rules.map(({ rule }) => rule.name), groups: groups.map(nameOf) },
    ...{ snapshots: snapshots.map(nameOf), templates: templates.map(nameOf) },
  }
}

const idOf = ({ id }: { readonly id: string }): string => id
const nameOf = ({ name }: { readonly name: string }): string => name

/** As it will be when the line is complete: by its words, else by the environment. */
function whichIsMeant(typed: readonly string[]): GlobalOptions {
  const { GODWIT_API, GODWIT_CA, GODWIT_CLUSTER } = process.env
  const said = (option: string, variable?: string) => {
    const at = typed.lastIndexOf(option)
    const joined = typed.findLast((word) => word.startsWith(`${option}=`))
    return joined?.slice(option.length + 1) ?? (at < 0 ? variable : typed[at + 1])
  }
  const [api, ca] = [said('--api', GODWIT_API), said('--ca', GODWIT_CA)]
  const cluster = said('--cluster', GODWIT_CLUSTER)
  return { ...(api && { api }), ...(ca && { ca }), ...(cluster && { cluster }) }
}
