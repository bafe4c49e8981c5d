// godwit console: a VM's serial console in this terminal. It stays through migrations, recoveries
// and restarts of the coordinator. On a terminal Ctrl-] leaves; from a pipe the input's end leaves,
// once the guest is quiet. Not here: who carries the bytes (coordinator's console hub).

import type { Command } from 'commander'
import { FaultError } from '#proto/faults.ts'
import { ownImage, workloadOf } from '#proto/vm-spec.ts'
import type { ApiClient, ConsoleSession } from '#scenarios/api-client.ts'
import type { Cli } from '../cli.ts'
import { withApi } from '../connection.ts'
import { CommandError, exitCode } from '../exit-code.ts'
import { wholeNumber, withExamples } from '../help.ts'
import { unlessRefused } from '../refused-stream.ts'

interface ConsoleOptions {
  /** Said at the beginning, to a person. */
  readonly hint?: string
  readonly replay: boolean
  readonly echo?: boolean
  readonly quiet: number
}

/** Ctrl-]: what telnet and virsh leave with. */
const leaveByte = 0x1d
const reconnectMs = 300

export function addConsole(program: Command, cli: Cli): void {
  const command = program
    .command('console <vm>')
    .description('the serial console of a VM; Ctrl-] leaves')
    .option('--no-replay', 'only what comes from now on')
    .option('--echo', 'show what you type; the default for guests that do not')
    .option(
      '--quiet <ms>',
      'from a pipe: leave when the guest was silent so long',
      wholeNumber,
      500,
    )
    .action((vm: string, options: ConsoleOptions, self: Command) =>
      withApi(cli, self, async (api) => {
        const { spec } = await api.vm(vm)
        const isOurs = spec.image === ownImage
        const echo = options.echo ?? isOurs
        const hint = isOurs ? requestsText(workloadOf(spec)) : ''
        await new ConsoleLine(cli, api, vm, { ...options, echo, hint }).run()
      }),
    )
  withExamples(command, [
    ['godwit console kv', 'type `1 put colour red`, Enter'],
    ["echo '1 get colour' | godwit console kv --no-replay", 'ask once, print the answer'],
  ])
}

/** Our guest has no prompt: whoever meets it for the first time would not know what to type. */
const requestsText = (workload: string): string => {
  const first = workload === 'kv' ? '`1 put city hobart`, `2 get city`' : '`1 stats`, `2 ping`'
  return ` It answers requests such as ${first} (docs/guest.md).`
}

/**
 * The two ends of a console: this terminal, and the session that is opened again when it breaks.
 */
class ConsoleLine {
  readonly #cli: Cli
  readonly #api: ApiClient
  readonly #vm: string
  readonly #options: ConsoleOptions
  #session: ConsoleSession | undefined
  /** Typed while the coordinator was away. */
  #unsent: Uint8Array[] = []
  /**
   * Of the guest's output: where the next byte that was not shown yet stands; undefined at first.
   */
  #offset: number | undefined
  #recoveries = 0
  #heardAtMs = 0
  #inputEnded = false
  #leave: (why?: Error) => void = () => {}

  constructor(cli: Cli, api: ApiClient, vm: string, options: ConsoleOptions) {
    this.#cli = cli
    this.#api = api
    this.#vm = vm
    this.#options = options
  }

  async run(): Promise<void> {
    const { stdin } = process
    const left = new Promise<void>((resolve, reject) => {
      this.#leave = (why) => (why ? reject(why) : resolve())
    })
    const signal = this.#cli.interrupts.handle()
    signal.addEventListener('abort', () => this.#leave(new CommandError(exitCode.interrupted, '')))
    const { replay } = this.#options
    await unlessRefused(this.#api, this.#vm, 'console', () => this.#open(replay))
    const raw = stdin.isTTY === true
    if (raw) {
      stdin.setRawMode(true)
      this.#cli.terminal.note(`Console of ${this.#vm}; Ctrl-] leaves.${this.#options.hint ?? ''}`)
    }
    stdin.on('data', (bytes: Buffer) => this.#typed(bytes, raw))
    stdin.on('end', () => this.#endInput())
    try {
      await left
    } finally {
      if (raw) stdin.setRawMode(false)
      stdin.pause()
      this.#session?.close()
      if (raw) this.#cli.terminal.note('')
    }
  }

  /**
   * After a loss the kept output is asked for again, and what was shown already is skipped by its
   * offset.
   */
  async #open(replay: boolean): Promise<void> {
    const { recoveries, nodeId } = await this.#api.vm(this.#vm)
    if (recoveries !== this.#recoveries && this.#offset !== undefined) {
      this.#offset = undefined
      this.#tellReboot(nodeId)
    }
    this.#recoveries = recoveries
    let at = 0
    let headers = 0
    this.#session = await this.#api.console(
      this.#vm,
      { replay },
      {
        onHeader: (header) => {
          at = header.offset
          if (headers++ === 0) return
          this.#offset = header.offset
          this.#tellReboot(header.nodeId)
        },
        onOutput: (bytes) => {
          this.#show(at, bytes)
          at += bytes.length
        },
        onClose: (reason) => this.#lost(reason),
      },
    )
    for (const bytes of this.#unsent.splice(0)) this.#session.send(bytes)
  }

  #tellReboot(nodeId: string | undefined): void {
    this.#cli.terminal.note(`\r\n[${this.#vm} booted again${nodeId ? ` on ${nodeId}` : ''}]`)
  }

  #show(at: number, bytes: Uint8Array): void {
    const from = Math.max(0, (this.#offset ?? at) - at)
    if (from >= bytes.length) return
    this.#offset = at + bytes.length
    this.#heardAtMs = this.#cli.clock.nowMs()
    process.stdout.write(bytes.subarray(from))
  }

  #typed(bytes: Buffer, raw: boolean): void {
    const end = raw ? bytes.indexOf(leaveByte) : -1
    const sent = end >= 0 ? bytes.subarray(0, end) : bytes
    if (raw && this.#options.echo)
      process.stdout.write(sent.toString('latin1').replace(/\r/g, '\n'))
    if (this.#session) this.#session.send(sent)
    else this.#unsent.push(sent)
    if (end >= 0) this.#leave()
  }

  #endInput(): void {
    this.#inputEnded = true
    const { clock } = this.#cli
    this.#heardAtMs = clock.nowMs()
    const look = () => {
      const quietAtMs = this.#heardAtMs + this.#options.quiet
      if (clock.nowMs() >= quietAtMs) this.#leave()
      else clock.wakeAt(quietAtMs, look)
    }
    look()
  }

  #lost(reason: string): void {
    if (!this.#session) return
    this.#session = undefined
    this.#cli.terminal.note(`\r\n[the console is away (${reason}); reconnecting …]`)
    this.#again()
  }

  #again(): void {
    const { clock, interrupts } = this.#cli
    clock.wakeAt(clock.nowMs() + reconnectMs, () => {
      if (interrupts.handle().aborted || this.#inputEnded) return this.#leave()
      this.#open(true).catch((thrown: unknown) => {
        if (thrown instanceof FaultError && thrown.fault.code === 'link-lost') this.#again()
        else this.#leave(thrown instanceof Error ? thrown : new Error(String(thrown)))
      })
    })
  }
}
