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

const unknownCommand = /unknown command '([^']*)'(?:\s+\(Did you mean [^)]*\))?/

/**
 * A message of commander, with our word for the one that it does not know.
 *
 * @param under what the answer has to begin with, below a command of commands
 */
export const inOurWords = (message: string, under = 'godwit'): string =>
  message.replace(unknownCommand, (whole: string, word: string) => {
    const ours = Object.hasOwn(wordsElsewhere, word) ? wordsElsewhere[word] : undefined
    if (!ours?.startsWith(`${under} `)) return whole
    return `unknown command '${word}': here it is \`${ours}\``
  })
