// Builds our own guest, engine/guests/src → engine/guests/godwit-guest.bin, and the program that
// shows Linux's console on a screen, engine/guests/linux → engine/guests/screen-console: without
// paths, dates or debug information, so that the same compiler always makes the same bytes.
//   node tools/guest.mjs            rebuilds the committed files
//   node tools/guest.mjs --check    rebuilds in a temporary folder and compares; changes nothing
// The check is loud when it has to be skipped: without the compiler, or with another one than the
// image was built by (compilers differ in what they make of the same source).
// Plain JavaScript without packages. Nobody needs this to run Godwit: the image is in the repo.

import { execFileSync } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const compiler = 'riscv64-unknown-elf-gcc'
/** The one that the committed image was built by; engine/guests/README.md says where it is from. */
const compilerVersion = '12.2.0'

const guests = fileURLToPath(new URL('../engine/guests/', import.meta.url))
const source = join(guests, 'src')
const linux = join(guests, 'linux')

const flags = [
  // The machine: no floating point; code at 0x80200000 is out of reach of absolute addresses.
  ...['-march=rv64imac_zicsr', '-mabi=lp64', '-mcmodel=medany', '-mno-relax', '-fno-pic'],
  // No libc; and gcc must not turn the loop in memset into a call of memset.
  ...['-std=c11', '-ffreestanding', '-nostdlib', '-static', '-fno-tree-loop-distribute-patterns'],
  ...['-O2', '-fno-common', '-Wall', '-Wextra', '-Wconversion', '-Werror'],
  ...['-Wl,--build-id=none', '-Wl,--no-warn-rwx-segments'],
]

/** Each committed file: where its source is, and how the ELF file becomes it. */
const targets = [
  {
    name: 'godwit-guest.bin',
    folder: source,
    // Sorted, and relative to the folder: the order of the files is the order of the code.
    files: readdirSync(source)
      .filter((name) => /\.[cS]$/.test(name))
      .sort((a, b) => (a < b ? -1 : 1)),
    flags: ['-Wl,-T,link.ld'],
    finish: ['-O', 'binary'],
  },
  {
    name: 'screen-console',
    folder: linux,
    files: ['screen-console.c', '../src/font.c', '../src/bytes.c'],
    flags: [],
    finish: ['--strip-all'],
  },
]

/** The compiler's version, or undefined when there is none. */
function installedVersion() {
  try {
    return execFileSync(compiler, ['-dumpfullversion'], { encoding: 'utf8' }).trim()
  } catch {
    return undefined
  }
}

function build({ folder, files, flags: own, finish }) {
  const workspace = mkdtempSync(join(tmpdir(), 'godwit-guest-'))
  try {
    const elf = join(workspace, 'guest.elf')
    execFileSync(compiler, [...flags, ...own, ...files, '-o', elf], {
      cwd: folder,
      stdio: 'inherit',
    })
    const made = join(workspace, 'guest.made')
    execFileSync('riscv64-unknown-elf-objcopy', [...finish, elf, made], { stdio: 'inherit' })
    return readFileSync(made)
  } finally {
    rmSync(workspace, { recursive: true })
  }
}

function check(version) {
  if (version !== compilerVersion) {
    console.log('*** SKIPPED: is the guest image what its source says? Not checked here. ***')
    console.log(
      version === undefined
        ? `There is no ${compiler}; install Debian's gcc-riscv64-unknown-elf.`
        : `This ${compiler} is ${version}; the image was built by ${compilerVersion}.`,
    )
    return
  }
  for (const target of targets) compare(target)
}

function compare(target) {
  const [built, committed] = [build(target), readFileSync(join(guests, target.name))]
  if (built.equals(committed)) {
    console.log(`${target.name} is what its source says (${built.length} bytes).`)
    return
  }
  console.error(
    `engine/guests/${target.name} (${committed.length} bytes) is not what its source gives ` +
      `(${built.length} bytes). Run \`npm run guest\` and commit it with the source.`,
  )
  process.exitCode = 1
}

const version = installedVersion()
if (process.argv.includes('--check')) check(version)
else if (version === undefined) {
  console.error(`There is no ${compiler}; install Debian's gcc-riscv64-unknown-elf and try again.`)
  process.exitCode = 1
} else {
  if (version !== compilerVersion)
    console.error(
      `This ${compiler} is ${version}, not ${compilerVersion}: if you commit its image, change ` +
        'compilerVersion in tools/guest.mjs and engine/guests/README.md too.',
    )
  for (const target of targets) {
    const built = build(target)
    writeFileSync(join(guests, target.name), built)
    console.log(`Built engine/guests/${target.name}: ${built.length} bytes.`)
  }
}
