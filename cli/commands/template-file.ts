// godwit template export | import | verify: a template as one file, which another cluster takes.
// Ctrl-C leaves no half file, and nothing half-imported. Not here: the format (proto/templates/),
// how parts travel (scenarios/templates-client.ts), keys (template-key.ts).

import type { Command } from 'commander'
import { type PrivateKey, sha256 } from '#env/real.ts'
import { FaultError, fault } from '#proto/faults.ts'
import { bytesText, mibText, msText } from '#proto/quantity.ts'
import { keyText } from '#proto/templates/file.ts'
import { chunkCount, contentBytes, diskDigest } from '#proto/templates/manifest.ts'
import type { FileSize } from '#proto/templates/messages.ts'
import type { TemplatesClient } from '#scenarios/templates-client.ts'
import type { Cli } from '../cli.ts'
import { withTemplates } from '../connection.ts'
import { CommandError, exitCode } from '../exit-code.ts'
import { textOrJson, withExamples } from '../help.ts'
import { ensureKey } from '../template-file/own-key.ts'
import { ReadFile } from '../template-file/read-file.ts'
import { WrittenFile } from '../template-file/written-file.ts'
import { TransferProgress } from '../transfer-progress.ts'

export function addTemplateFiles(parent: Command, cli: Cli): void {
  addExport(parent, cli)
  addImport(parent, cli)
  addVerify(parent, cli)
}

interface ExportOptions {
  readonly sign: boolean
  readonly output: string
}

function addExport(parent: Command, cli: Cli): void {
  const command = parent
    .command('export <name> <file>')
    .description('write a template into one file, signed with your key')
    .option('--no-sign', 'sign it with no key: whoever imports it has to allow that')
    .addOption(textOrJson())
    .action((name: string, path: string, options: ExportOptions, self: Command) =>
      withTemplates(cli, self, (templates) => exportTo(cli, templates, name, path, options)),
    )
  withExamples(command, [
    ['godwit template export shop shop.gwt', 'memory, disk and all, in one file'],
    ['godwit template key', 'whom others trust then'],
  ])
}

async function exportTo(
  cli: Cli,
  templates: TemplatesClient,
  name: string,
  path: string,
  { sign, output }: ExportOptions,
): Promise<void> {
  const signal = cli.interrupts.handle()
  const key = sign ? ensureKey(cli.home) : undefined
  const file = new WrittenFile(path)
  const progress = new TransferProgress(cli, path)
  let size: FileSize = { manifestBytes: 0, chunks: 0, contentBytes: 0 }
  try {
    const begins = (of: FileSize) => {
      size = of
      file.begins(of)
    }
    const part = (bytes: Uint8Array) => {
      file.part(bytes)
      progress.see(size.chunks ? file.chunks / size.chunks : 0, file.bytes)
    }
    await templates.export(name, { begins, part }, signal)
    if (file.chunks !== size.chunks) throw new FaultError(notWhole)
  } catch (thrown) {
    file.abandon()
    throw signal.aborted ? interrupted(`${path} is not written`) : thrown
  } finally {
    progress.end()
  }
  const id = file.finish(key)
  const told = { file: path, id, ...signedBy(key), bytes: file.bytes, ...size }
  if (output === 'json') cli.terminal.data(JSON.stringify(told, null, 2))
  else {
    const content = `${bytesText(size.contentBytes)} of content in ${bytesText(file.bytes)}`
    cli.terminal.write(`${path} is written: ${content}, ${msText(progress.tookMs)}`)
    cli.terminal.write(`${id}`)
    if (key) cli.terminal.note(`signed by ${keyText(key.publicKey)}`)
    cli.terminal.note('Who has the file has all that was in its memory: passwords and keys too.')
  }
}

const signedBy = (key: PrivateKey | undefined) => (key ? { key: keyText(key.publicKey) } : {})

const notWhole = fault('link-lost', 'the file ended before its last chunk: export it again')

interface ImportOptions {
  readonly name?: string
  readonly trust?: string
  readonly allowUnsigned?: boolean
  readonly output: string
}

function addImport(parent: Command, cli: Cli): void {
  const command = parent
    .command('import <file>')
    .description('take a template out of a file: what the cluster has already is not sent')
    .option('--name <name>', 'what it is called here; left out: as in the file')
    .option('--trust <key>', 'its key is good enough this once')
    .option('--allow-unsigned', 'let it in though nobody has signed it')
    .addOption(textOrJson())
    .action((path: string, options: ImportOptions, self: Command) =>
      withTemplates(cli, self, (templates) => importFrom(cli, templates, path, options)),
    )
  withExamples(command, [
    ['godwit template import shop.gwt', 'signed by somebody whom this cluster trusts'],
    ['godwit template import shop.gwt --name shop-2 --allow-unsigned', 'by an operator'],
  ])
}

async function importFrom(
  cli: Cli,
  templates: TemplatesClient,
  path: string,
  options: ImportOptions,
): Promise<void> {
  const signal = cli.interrupts.handle()
  const file = new ReadFile(path)
  const progress = new TransferProgress(cli, path)
  const { id, manifest, packedManifest, signature } = file
  const name = options.name ?? manifest.name
  let [wanted, sent, sentBytes] = [0, 0, packedManifest.length]
  function* chunks(isWanted: (chunk: number) => boolean) {
    for (const bytes of file.chunks(isWanted)) {
      yield bytes
      sentBytes += bytes.length
      progress.see(++sent / wanted, sentBytes)
    }
  }
  const wants = (isWanted: (chunk: number) => boolean) => {
    const all = Array.from({ length: chunkCount(manifest) }, (_, chunk) => chunk)
    wanted = all.filter(isWanted).length
  }
  const { trust, allowUnsigned = false } = options
  const request = {
    ...{ name, id, manifestBytes: packedManifest.length, allowUnsigned },
    ...(signature && { signature }),
    ...(trust !== undefined && { trust }),
  }
  try {
    await templates.import(request, { manifest: () => [packedManifest], chunks, wants }, signal)
  } catch (thrown) {
    throw signal.aborted ? interrupted('nothing of it is in the cluster') : thrown
  } finally {
    progress.end()
    file.close()
  }
  const told = { template: name, id, chunks: chunkCount(manifest), sentChunks: sent, sentBytes }
  if (options.output === 'json') cli.terminal.data(JSON.stringify(told, null, 2))
  else {
    const had = told.chunks - sent
    const known = had > 0 ? `, ${had} of ${told.chunks} chunks were there already` : ''
    const took = `${bytesText(sentBytes)} sent${known}, ${msText(progress.tookMs)}`
    cli.terminal.write(`template ${name} is ready: ${took}`)
    cli.terminal.note(`Begin from it: godwit template deploy ${name} NAME`)
  }
}

function addVerify(parent: Command, cli: Cli): void {
  const command = parent
    .command('verify <file>')
    .description('hold all of a template’s file against its manifest and its signature')
    .addOption(textOrJson())
    .action((path: string, { output }: { readonly output: string }) => verify(cli, path, output))
  withExamples(command, [['godwit template verify shop.gwt', 'no cluster is needed for it']])
}

async function verify(cli: Cli, path: string, output: string): Promise<void> {
  const file = new ReadFile(path)
  try {
    const { manifest, signature, id } = file
    if (signature && !file.isSignatureGood) throw new FaultError(badSignature)
    file.verify()
    const told = {
      ...{ file: path, id, ...(signature && { key: signature.key }) },
      ...{ name: manifest.name, about: manifest.about, madeBy: manifest.madeBy },
      ...{ cluster: manifest.cluster, version: manifest.version },
      takenWallMs: manifest.takenWallMs,
      ...{ spec: manifest.spec, chunks: chunkCount(manifest) },
      ...{ bytes: file.bytes, contentBytes: contentBytes(manifest) },
      ...(manifest.disk && { diskDigest: diskDigest(manifest, sha256) }),
    }
    if (output === 'json') cli.terminal.data(JSON.stringify(told, null, 2))
    else cli.terminal.write(verifiedText(file))
  } finally {
    file.close()
  }
}

function verifiedText({ id, manifest, signature, bytes }: ReadFile): string {
  const { name, about, madeBy, cluster, version, takenWallMs, spec } = manifest
  const disk = spec.diskMib > 0 ? ` and ${mibText(spec.diskMib)} of disk` : ''
  const content = `${bytesText(contentBytes(manifest))} of content`
  return [
    `${name} is whole: ${mibText(spec.memoryMib)} of memory${disk}, ${content} in ${bytesText(bytes)}`,
    ...(about === '' ? [] : [about]),
    `made ${new Date(takenWallMs).toISOString()}${madeBy && ` by ${madeBy}`} in ${cluster}, ${version}`,
    `signed by ${signature?.key ?? 'nobody'}`,
    id,
  ].join('\n')
}

const badSignature = fault(
  'bad-template',
  'the signature is not of this file: it was altered since it was signed; export it again',
)

const interrupted = (what: string): CommandError =>
  new CommandError(exitCode.interrupted, `Stopped: ${what}.`)
