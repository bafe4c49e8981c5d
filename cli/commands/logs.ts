// godwit logs: what the processes of a local cluster wrote, merged by time, also after the cluster
// has ended. Log lines are JSON (env/real/log.ts); before a person they become `time level process
// event key=value`.

import { closeSync, existsSync, openSync, readdirSync, readFileSync, readSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Command } from 'commander'
import { suggestion } from '#scenarios/language/nearest-name.ts'
import { ClusterFolder, runningClusters } from '#scenarios/local/cluster-folder.ts'
import type { Cli } from '../cli.ts'
import { clusterName, type GlobalOptions, localCluster } from '../connection.ts'
import { CommandError, exitCode } from '../exit-code.ts'
import { textOrJson, withExamples } from '../help.ts'
import { type LogLine, logLineText, readLogLines } from '../log-line.ts'

interface LogOptions extends GlobalOptions {
  readonly follow?: boolean
  readonly output: 'text' | 'json'
}

const pollMs = 200

export function addLogs(program: Command, cli: Cli): void {
  const logs = program
    .command('logs [process...]')
    .description('what the processes of a local cluster wrote: nodes, or `coordinator`')
    .option('-f, --follow', 'go on, and show what they write')
    .addOption(textOrJson('json: the lines as they were written'))
    .action(async (ids: string[], _options: object, command: Command) => {
      const options = command.optsWithGlobals<LogOptions>()
      const folder = folderOf(cli, options)
      const write = (line: LogLine) =>
        cli.terminal.write(options.output === 'json' ? line.raw : logLineText(line, cli.terminal))
      const files = filesOf(folder, ids).map((id) => new GrowingFile(id, folder.logFile(id)))
      for (;;) {
        const lines = files.flatMap((file) => readLogLines(file.id, file.more()))
        for (const line of lines.sort((a, b) => a.atMs - b.atMs)) write(line)
        if (!options.follow) return
        await sleep(pollMs)
      }
    })
  withExamples(logs, [
    ['godwit logs', 'of all processes, merged by time'],
    ['godwit logs n2 coordinator -f', 'of these two, and what comes'],
    ['godwit logs -o json | grep lease', 'the lines as they were written'],
  ])
}

/** The cluster that runs; else the one that ran last under that name. */
function folderOf(cli: Cli, options: GlobalOptions): ClusterFolder {
  const past = new ClusterFolder(cli.home, clusterName(options))
  const runs = runningClusters(cli.home).length > 0
  if (!runs && existsSync(past.logs)) return past
  return new ClusterFolder(cli.home, localCluster(cli, options).cluster)
}

function filesOf(folder: ClusterFolder, ids: readonly string[]): readonly string[] {
  const known = existsSync(folder.logs)
    ? readdirSync(folder.logs).map((name) => name.replace(/\.log$/, ''))
    : []
  const unknown = ids.find((id) => !known.includes(id))
  if (unknown !== undefined)
    throw new CommandError(
      exitCode.failed,
      `There is no log of \`${unknown}\`${suggestion(unknown, known)}`,
    )
  return ids.length > 0 ? ids : known
}

/** A file that another process appends to; more() returns the whole lines since the last call. */
class GrowingFile {
  readonly id: string
  readonly #path: string
  #offset = 0
  #rest = ''

  constructor(id: string, path: string) {
    this.id = id
    this.#path = path
  }

  more(): string {
    const text = this.#rest + this.#read()
    const end = text.lastIndexOf('\n') + 1
    this.#rest = text.slice(end)
    return text.slice(0, end)
  }

  #read(): string {
    if (this.#offset === 0) {
      const all = readFileSync(this.#path)
      this.#offset = all.length
      return all.toString('utf8')
    }
    const file = openSync(this.#path, 'r')
    const block = Buffer.alloc(64 * 1024)
    const length = readSync(file, block, 0, block.length, this.#offset)
    closeSync(file)
    this.#offset += length
    return block.toString('utf8', 0, length)
  }
}
