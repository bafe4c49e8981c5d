// Debian guests for a cluster in containers (`linux` of tools/container.mjs): pulls the image into
// the volume that the nodes read, once, and starts VMs of it. Plain JavaScript, as its neighbours.
// It says what is missing where it cannot: pulling needs a base image with apt, and a way to a
// mirror. Ends when the VMs run; they stay. Not here: what is pulled (cli/image/).

import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'

const cli = fileURLToPath(new URL('../cli/main.ts', import.meta.url))
/** What Debian is comfortable with, and room for a file system of its own. */
const size = ['--memory', '128', '--disk', '16']

const godwit = (args, options = {}) =>
  spawnSync(process.execPath, [cli, ...args], { stdio: 'inherit', encoding: 'utf8', ...options })

function fail(text) {
  console.error(text)
  process.exit(1)
}

if (godwit(['image', 'pull', 'debian']).status !== 0)
  fail(
    'No Debian, no Debian guests. Pulling needs a base image with apt (node:24-trixie-slim has it)\n' +
      'and a mirror: that of its sources, or DEBIAN_MIRROR=http://HOST/debian. An image that was pulled\n' +
      'on another machine will do: docs/containers.md. The rest of the cluster runs.',
  )

const listed = godwit(['vms', '-o', 'json'], { stdio: ['ignore', 'pipe', 'inherit'] })
if (listed.status !== 0) fail('The coordinator does not answer.')
const known = JSON.parse(listed.stdout).map(({ id }) => id)
const count = Number(process.env.LINUX_GUESTS ?? 2)
const names = Array.from({ length: count }, (_, i) => `debian-${i + 1}`)
for (const name of names.filter((each) => !known.includes(each)))
  if (godwit(['run', name, '--image', 'debian', ...size]).status !== 0)
    fail(`${name} does not run.`)
console.log(`${names.join(', ')} run. Talk to one: node bin/godwit.mjs console ${names[0]}`)
