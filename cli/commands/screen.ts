// godwit screen: what a VM's screen shows now, as a picture. To use the VM, open its page.
// Not here: frames (proto/screen-frame.ts), the file's format (../png.ts).

import { writeFileSync } from 'node:fs'
import type { Command } from 'commander'
import { realInflate } from '#env/real/deflate.ts'
import { FaultError, fault } from '#proto/faults.ts'
import { encodeShown } from '#proto/screen.ts'
import { applyChange, pagesOfScreen, readBody, readFrame } from '#proto/screen-frame.ts'
import type { ApiClient } from '#scenarios/api-client.ts'
import type { Cli } from '../cli.ts'
import { withApi } from '../connection.ts'
import { CommandError, exitCode } from '../exit-code.ts'
import { withExamples } from '../help.ts'
import { encodePng } from '../png.ts'
import { unlessRefused } from '../refused-stream.ts'

interface Shot {
  readonly width: number
  readonly height: number
  readonly rgba: Uint8Array
}

export function addScreen(program: Command, cli: Cli): void {
  const screen = program
    .command('screen <vm>')
    .description("take a picture of a VM's screen")
    .option('--png <file>', 'where to write it; left out: VM.png, here')
    .action((vmId: string, { png = `${vmId}.png` }: { readonly png?: string }, command: Command) =>
      withApi(cli, command, async (api) => {
        const { spec } = await api.vm(vmId)
        if (spec.screen === undefined)
          throw new CommandError(exitCode.failed, `${vmId} has no screen: run it with --screen.`)
        const { width, height, rgba } = await unlessRefused(api, vmId, 'screen', () =>
          shoot(api, vmId),
        )
        writeFileSync(png, encodePng(width, height, rgba))
        cli.terminal.write(`${png} is written: ${width}x${height} pixels.`)
      }),
    )
  withExamples(screen, [
    ["godwit run desk --args 'workload=desktop' --screen 800x600", 'a VM with a screen'],
    ['godwit screen desk', 'what it shows now, into desk.png'],
  ])
}

/** Frames, until all of the screen has come once. */
async function shoot(api: ApiClient, vmId: string): Promise<Shot> {
  let session: { send(bytes: Uint8Array): void; close(): void } | undefined
  let shot: Shot | undefined
  const seen = new Set<number>()
  try {
    return await new Promise<Shot>((resolve, reject) => {
      const opening = api.screen(vmId, {
        onHeader: ({ width, height }) => {
          seen.clear()
          shot = { width, height, rgba: new Uint8Array(width * height * 4) }
        },
        onFrame: (bytes) => {
          const frame = shot && draw(bytes, shot, seen)
          if (frame === undefined) reject(new FaultError(badFrame))
          else if (shot && seen.size === pagesOfScreen(shot.width, shot.height)) resolve(shot)
          else session?.send(encodeShown(frame))
        },
        onClose: (reason) => reject(new FaultError(fault('link-lost', reason))),
      })
      opening.then((opened) => {
        session = opened
      }, reject)
    })
  } finally {
    session?.close()
  }
}

const badFrame = fault('bad-message', 'The coordinator sent a frame that this version cannot read.')

/** @returns the frame's number; undefined: it is none, or of another screen */
function draw(bytes: Uint8Array, { width, height, rgba }: Shot, seen: Set<number>) {
  const read = readFrame(bytes)
  if (read?.width !== width || read.height !== height) return undefined
  const body = realInflate(read.packed, read.bodyBytes)
  const change = body && readBody(body, read)
  if (!change) return undefined
  applyChange(rgba, change)
  for (const page of change.pages) seen.add(page)
  for (const { page, pages } of change.solid) for (let n = 0; n < pages; n++) seen.add(page + n)
  return read.frame
}
