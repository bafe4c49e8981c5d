// What other tools call a command (kubectl, virsh, qm, docker, multipass), and what it is here:
// somebody who types such a word is told. A table, since no word resembles its answer. Not here:
// slips of the fingers (commander compares words), the whole of it for readers
// (docs/coming-from.md).

/** A word typed for a command → the command line that does it here. */
export const wordsElsewhere: Readonly<Record<string, string>> = {
  apply: 'godwit run -f vms.yaml',
  attach: 'godwit console VM',
  cordon: 'godwit node evacuate NODE',
  create: 'godwit run VM',
  delete: 'godwit rm VM',
  describe: 'godwit why VM',
  destroy: 'godwit stop VM',
  drain: 'godwit node evacuate NODE',
  exec: 'godwit console VM',
  get: 'godwit vms',
  info: 'godwit why VM',
  inspect: 'godwit vms -o yaml',
  launch: 'godwit run VM',
  list: 'godwit vms',
  ls: 'godwit vms',
  new: 'godwit run VM',
  poweroff: 'godwit stop VM',
  reboot: 'godwit stop VM && godwit start VM',
  remove: 'godwit rm VM',
  reset: 'godwit stop VM && godwit start VM',
  restart: 'godwit stop VM && godwit start VM',
  restore: 'godwit snapshot restore VM NAME',
  shell: 'godwit console VM',
  show: 'godwit why VM',
  shutdown: 'godwit stop VM',
  ssh: 'godwit console VM',
  stats: 'godwit top',
  status: 'godwit top',
  suspend: 'godwit pause VM',
  uncordon: 'godwit node return NODE',
  undrain: 'godwit node return NODE',
  version: 'godwit --version',
  watch: 'godwit events --watch',
}

/** The same below a command: `snapshot take` → the command line that does it here. */
export const wordsBelow: Readonly<Record<string, string>> = {
  'snapshot take': 'godwit snapshot create VM',
  'snapshot save': 'godwit snapshot create VM',
  'snapshot revert': 'godwit snapshot restore VM NAME',
  'snapshot rollback': 'godwit snapshot restore VM NAME',
  'snapshot remove': 'godwit snapshot rm VM NAME',
  'snapshot delete': 'godwit snapshot rm VM NAME',
  'template make': 'godwit template create VM NAME',
  'template run': 'godwit template deploy TEMPLATE NAME',
  'template remove': 'godwit template rm NAME',
  'template delete': 'godwit template rm NAME',
  'rule add': 'godwit rule set NAME',
  'rule create': 'godwit rule set NAME',
  'rule remove': 'godwit rule rm NAME',
  'rule delete': 'godwit rule rm NAME',
  'rule drop': 'godwit rule rm NAME',
  'group add': 'godwit group set NAME',
  'group create': 'godwit group set NAME',
  'group remove': 'godwit group rm NAME',
  'group delete': 'godwit group rm NAME',
  'group drop': 'godwit group rm NAME',
  'snapshot drop': 'godwit snapshot rm VM NAME',
  'template drop': 'godwit template rm NAME',
  'node drain': 'godwit node evacuate NODE',
  'node cordon': 'godwit node evacuate NODE',
  'node uncordon': 'godwit node return NODE',
  'image build': 'godwit image pull NAME',
  'power on': 'godwit power wake NODE',
  'power off': 'godwit power sleep NODE',
}

const unknownCommand = /unknown command '([^']*)'(?:\s+\(Did you mean [^)]*\))?/

/**
 * A message of commander, with our word for the one that it does not know.
 *
 * @param under what the answer has to begin with, below a command of commands
 */
export const inOurWords = (message: string, under = 'godwit'): string =>
  message.replace(unknownCommand, (whole: string, word: string) => {
    const below = `${under.replace(/^godwit ?/, '')} ${word}`.trim()
    const ours = known(wordsBelow, below) ?? known(wordsElsewhere, word)
    if (!ours?.startsWith(`${under} `)) return whole
    return `unknown command '${word}': here it is \`${ours}\``
  })

const known = (table: Readonly<Record<string, string>>, word: string): string | undefined =>
  Object.hasOwn(table, word) ? table[word] : undefined
