// godwit image pull|list: guests that do not come along with Godwit, made on this machine.
// Not here: how one is made (../image/).

import { join } from 'node:path'
import { Argument, type Command } from 'commander'
import type { ImageManifest } from '#proto/image-manifest.ts'
import type { Cli } from '../cli.ts'
import { withExamples } from '../help.ts'
import { buildDebian, debianImage } from '../image/debian.ts'
import { ImageFolder } from '../image/image-folder.ts'

export function addImage(program: Command, cli: Cli): void {
  const image = program.command('image').description('guests to pull: a Debian Linux')
  addPull(image, cli)
  const list = image
    .command('list')
    .description('what has been pulled, and what it was made from')
    .action(() => {
      const images = imagesOf(cli).list()
      for (const manifest of images) cli.terminal.write(`${manifest.name}  ${manifest.about}`)
      if (images.length === 0) cli.terminal.note('None yet: godwit image pull debian')
    })
  withExamples(list, [['godwit image list', 'names for: godwit run --image NAME']])
}

function addPull(image: Command, cli: Cli): void {
  const pull = image
    .command('pull')
    .description("build an image from Debian's packages, by this machine's apt")
    .addArgument(new Argument('<name>', 'which').choices([debianImage]))
    .option('--fresh', 'again, though it is there')
    .action((name: string, { fresh }: { fresh?: boolean }) => pullImage(cli, name, fresh === true))
  withExamples(pull, [
    ['godwit image pull debian', 'about 110 MB once; works offline afterwards'],
    ['godwit run deb --image debian --memory 128', 'and boot it: godwit console deb'],
  ])
}

const imagesOf = (cli: Cli) => new ImageFolder(join(cli.home, 'images'))

async function pullImage(cli: Cli, name: string, fresh: boolean): Promise<void> {
  const images = imagesOf(cli)
  const known = fresh ? undefined : images.find(name)
  if (known) {
    cli.terminal.write(`${name} is here already: ${known.about}`)
    return
  }
  const manifest = await images.withWorkspace(async (workspace): Promise<ImageManifest> => {
    const parts = await buildDebian(workspace, (line) => cli.terminal.note(line))
    return images.publish(name, parts, workspace)
  })
  cli.terminal.write(`${name} is ready: ${manifest.about}`)
}
