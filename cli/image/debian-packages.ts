// Packages of Debian's riscv64 architecture, fetched by this machine's own apt on any architecture:
// from the mirror that its sources name (or GODWIT_DEBIAN_MIRROR), verified with Debian's keyring.
// Nothing of the machine's apt or dpkg state is touched: lists, cache and state lie in a folder
// that is thrown away.
// Not here: what is made of them (debian.ts). Throws CommandErrors that say what to do.

import { execFile } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { CommandError, exitCode } from '../exit-code.ts'

const run = promisify(execFile)

export const suite = 'trixie'
/** Of the same release, as long as there is no newer one. */
const otherName = 'stable'
const architecture = 'riscv64'
const keyring = '/usr/share/keyrings/debian-archive-keyring.gpg'
const outputBytesMax = 16 * 2 ** 20

export interface Package {
  readonly name: string
  readonly version: string
  /** The .deb. */
  readonly file: string
}

const interrupted = () =>
  new CommandError(exitCode.interrupted, 'Nothing was changed; what had been fetched is gone.')
const failed = (message: string) => new CommandError(exitCode.failed, message)

/** apt with a state of its own under a folder. */
export class DebianPackages {
  readonly #folder: string
  readonly #environment: NodeJS.ProcessEnv
  readonly #signal: AbortSignal

  private constructor(folder: string, signal: AbortSignal) {
    this.#folder = folder
    this.#signal = signal
    this.#environment = { ...process.env, APT_CONFIG: join(folder, 'apt.conf'), LC_ALL: 'C' }
  }

  /** Looks for a mirror and fetches its lists. @param signal ends whatever runs, now and later */
  static async open(folder: string, signal: AbortSignal): Promise<DebianPackages> {
    const mirror = await findMirror()
    if (!existsSync(keyring))
      throw failed(`${keyring} is missing. Get it: apt-get install debian-archive-keyring`)
    for (const each of ['lists', 'cache', 'state', 'debs']) mkdirSync(join(folder, each))
    writeFileSync(join(folder, 'state/status'), '')
    writeFileSync(join(folder, 'apt.conf'), configuration(folder))
    const packages = new DebianPackages(folder, signal)
    await packages.#readLists(mirror)
    return packages
  }

  /**
   * A mirror that is being brought up to date has lists that are not those its index names, and apt
   * refuses them, rightly. The same release is there under its other name, which may be whole.
   */
  async #readLists(mirror: string): Promise<void> {
    const update = async (name: string) => {
      const source = `deb [arch=${architecture} signed-by=${keyring}] ${mirror} ${name} main\n`
      writeFileSync(join(this.#folder, 'sources.list'), source)
      await this.#apt('apt-get', ['-qq', 'update'])
    }
    await update(suite).catch(async (refused: unknown) => {
      await update(otherName).catch(() => Promise.reject(refused))
      const codename = await this.#apt('apt-get', ['indextargets', '--format', '$(CODENAME)'])
      if (!codename.split('\n').includes(suite)) throw refused
    })
  }

  /** What a package that only points to another one points to, as linux-image-riscv64 does. */
  async dependencyOf(name: string, pattern: RegExp): Promise<string> {
    const shown = await this.#apt('apt-cache', ['show', name])
    const depends = /^Depends: (.*)$/m.exec(shown)?.[1] ?? ''
    const found = pattern.exec(depends)?.[0]
    if (found === undefined) throw failed(`Debian's package ${name} names no ${pattern} any more.`)
    return found
  }

  async download(name: string): Promise<Package> {
    const folder = join(this.#folder, 'debs', name)
    mkdirSync(folder)
    await this.#apt('apt-get', ['-qq', 'download', name], folder)
    return await this.#packageIn(join(folder, readdirSync(folder)[0] ?? ''))
  }

  /** Those packages and all that they depend on, but for what every Debian has by itself. */
  async downloadWithNeeds(names: readonly string[]): Promise<Package[]> {
    const install = ['-qq', 'install', '--yes', '--download-only', '--no-install-recommends']
    await this.#apt('apt-get', [...install, ...names])
    const folder = join(this.#folder, 'cache/archives')
    const debs = readdirSync(folder).filter((file) => file.endsWith('.deb'))
    const packages: Package[] = []
    for (const deb of debs.sort()) packages.push(await this.#packageIn(join(folder, deb)))
    return packages
  }

  async #packageIn(file: string): Promise<Package> {
    const shown = await this.#apt('dpkg-deb', ['--show', file])
    const [name = '', version = ''] = shown.trim().split('\t')
    return { name, version, file }
  }

  /** Unpacks packages as a whole, into one folder, which it returns. */
  async unpackAll(packages: readonly Package[]): Promise<string> {
    const folder = join(this.#folder, 'tree')
    for (const { file } of packages) await this.#apt('dpkg-deb', ['--extract', file, folder])
    return folder
  }

  /** Unpacks what matches the patterns; returns the folder. */
  async unpack({ name, file }: Package, patterns: readonly string[]): Promise<string> {
    const folder = join(this.#folder, 'unpacked', name)
    mkdirSync(folder, { recursive: true })
    const archive = join(folder, '.tar')
    const write = 'dpkg-deb --fsys-tarfile "$1" > "$2"'
    await this.#apt('sh', ['-c', write, 'sh', file, archive])
    await this.#apt('tar', ['-xf', archive, '-C', folder, '--wildcards', ...patterns])
    return folder
  }

  /** One file of a package, by its path there. */
  async file(from: Package, path: string): Promise<Uint8Array> {
    return fileIn(await this.unpack(from, [`./${path}`]), (each) => each === path)
  }

  async #apt(program: string, args: readonly string[], cwd?: string): Promise<string> {
    const options = { env: this.#environment, maxBuffer: outputBytesMax, ...(cwd && { cwd }) }
    if (this.#signal.aborted) throw interrupted()
    const running = run(program, [...args], options)
    // It is waited for until it has ended: nothing writes into a folder that is taken away.
    const end = () => void running.child.kill()
    this.#signal.addEventListener('abort', end, { once: true })
    try {
      return (await running).stdout
    } catch (thrown) {
      throw this.#signal.aborted ? interrupted() : failed(failureOf(program, thrown))
    } finally {
      this.#signal.removeEventListener('abort', end)
    }
  }
}

/** The file of an unpacked package whose path is that; the packages change now and then. */
export function fileIn(folder: string, is: (path: string) => boolean): Uint8Array {
  const path = readdirSync(folder, { recursive: true }).map(String).find(is)
  if (path !== undefined) return readFileSync(join(folder, path))
  throw failed(`Debian's package has another shape now: ${folder}`)
}

/** For the manifest. */
export const versionsOf = (packages: readonly Package[]) =>
  packages.map(({ name, version }) => ({ name, version }))

async function findMirror(): Promise<string> {
  const { GODWIT_DEBIAN_MIRROR: wanted } = process.env
  if (wanted) return wanted.replace(/\/+$/, '')
  const filter = ['Created-By: Packages', 'Origin: Debian', 'Label: Debian']
  const listed = await linesOf(['indextargets', '--format', '$(SITE)', ...filter])
  const [mirror] = listed.length > 0 ? listed.sort() : await mirrorsInSources()
  if (mirror === undefined)
    throw failed("This machine's apt sources name no Debian mirror. Add one, then: apt-get update")
  return mirror
}

/** By their paths: an image of a container has sources, and has never read their lists. */
async function mirrorsInSources(): Promise<string[]> {
  const uris = await linesOf(['update', '--print-uris'])
  return uris.flatMap((uri) => /^'(\S+\/debian)\/dists\//.exec(uri)?.[1] ?? [])
}

async function linesOf(args: readonly string[]): Promise<string[]> {
  const told = await run('apt-get', args).catch(() => {
    throw failed(
      'Pulling needs apt-get, which is not here. Pull on a Debian machine (or in a container of ' +
        'one) and copy its folder images/debian to this one.',
    )
  })
  return told.stdout.split('\n').filter((line) => line !== '')
}

/** Without its error mode, apt takes a mirror that it did not reach for one that has nothing. */
const configuration = (folder: string) => `
APT::Architecture "${architecture}";
APT::Architectures "${architecture}";
APT::Sandbox::User "";
APT::Update::Error-Mode "any";
Acquire::Languages "none";
Dir::Etc::SourceList "${folder}/sources.list";
Dir::Etc::SourceParts "/dev/null";
Dir::Etc::Preferences "/dev/null";
Dir::Etc::PreferencesParts "/dev/null";
Dir::State "${folder}/state";
Dir::State::Lists "${folder}/lists";
Dir::State::status "${folder}/state/status";
Dir::Cache "${folder}/cache";
`

function failureOf(program: string, thrown: unknown): string {
  const { code, stderr } = thrown as { code?: unknown; stderr?: string }
  if (code === 'ENOENT') return `Pulling needs ${program}, which is not here: install it.`
  const unknown = /Unable to locate package (\S+)/.exec(stderr ?? '')?.[1]
  if (unknown) return `Debian ${suite} has no package ${unknown} for ${architecture}.`
  const said = stderr?.trim().split('\n').slice(-3).join('\n') ?? String(thrown)
  return `${program} failed. Is there a way to the mirror?\n${said}`
}
