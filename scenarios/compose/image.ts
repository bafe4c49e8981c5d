// The image that containers of a run are made of: the project's own Dockerfile, built before a run.
// Docker keeps what has not changed, so a second build takes a second, and an image never is older
// than the code that runs the scenario. Not here: what is in it (Dockerfile).

import { fileURLToPath } from 'node:url'
import { FaultError, fault, faultOf } from '#proto/faults.ts'
import type { Docker } from './docker.ts'

const checkout = fileURLToPath(new URL('../..', import.meta.url))
/** A first build installs packages and compiles the core. */
const buildMsMax = 900_000

export interface ImageWish {
  /** Taken as it is, never built. */
  readonly image?: string
  readonly signal?: AbortSignal
  readonly onProgress?: (text: string) => void
}

/** @returns its name; TAG and BASE are those of docker-compose.yml */
export async function readyImage(ask: Docker, wish: ImageWish): Promise<string> {
  if (wish.image !== undefined) return wish.image
  const { TAG = 'dev', BASE } = process.env
  const image = `godwit:${TAG}`
  wish.onProgress?.(`building ${image}`)
  const base = BASE === undefined ? [] : ['--build-arg', `BASE=${BASE}`]
  const args = ['build', '--quiet', '--tag', image, ...base, checkout]
  const env = { DOCKER_BUILDKIT: process.env.DOCKER_BUILDKIT ?? '1' }
  const { signal } = wish
  const options = { msMax: buildMsMax, env, ...(signal && { signal }) }
  await ask(args, options).catch((thrown: unknown) => {
    const { code, message } = faultOf(thrown)
    if (code !== 'internal') throw thrown
    const mend = 'BASE=IMAGE builds on another base image, --image IMAGE builds nothing'
    throw new FaultError(fault('no-image', `The image cannot be built (${mend}): ${message}`))
  })
  return image
}
