// The manifests of kubernetes/ as plain objects: of a kustomization all that it names, patches
// merged, as `kustomize build` does for what is used here (resources, strategic patches of one
// object, where lists of named things are merged by their names). A test compares it with
// `kubectl kustomize` where that is at hand. Not here: what has to be true of them.

import { existsSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { parse, parseAllDocuments } from 'yaml'
import { z } from 'zod'
import { repositoryRoot } from '../tidy/source-file.ts'

export type Tree = { [key: string]: unknown }

export interface Manifest extends Tree {
  readonly apiVersion: string
  readonly kind: string
  readonly metadata: { readonly name: string; readonly namespace?: string }
}

const Kustomization = z.looseObject({
  namespace: z.string().optional(),
  resources: z.array(z.string()),
  patches: z.array(z.strictObject({ path: z.string() })).default([]),
  images: z
    .array(z.object({ name: z.string(), newName: z.string(), newTag: z.string() }))
    .default([]),
})

export const folderOf = (name: string): string => join(repositoryRoot, 'kubernetes', name)

/** All objects of a kustomization, by `Kind/name`. */
export function build(folder: string): Map<string, Manifest> {
  const file = join(folder, 'kustomization.yaml')
  const { namespace, resources, patches, images } = Kustomization.parse(
    parse(readFileSync(file, 'utf8')),
  )
  const built = new Map<string, Manifest>()
  for (const resource of resources) {
    const path = join(folder, resource)
    const found = existsSync(join(path, 'kustomization.yaml')) ? build(path).values() : read(path)
    for (const manifest of found) built.set(keyOf(manifest), manifest)
  }
  for (const { path } of patches)
    for (const patch of read(join(folder, path))) {
      const key = keyOf(patch)
      const before = built.get(key)
      if (!before) throw new Error(`${path} of ${dirname(file)} patches ${key}, which is not there`)
      built.set(key, merged(before, patch) as Manifest)
    }
  for (const manifest of built.values()) {
    if (namespace !== undefined && manifest.kind !== 'Namespace')
      Object.assign(manifest.metadata, { namespace })
    for (const { name, newName, newTag } of images)
      for (const container of containersOf(manifest))
        if (container.image === name) container.image = `${newName}:${newTag}`
  }
  return built
}

export const keyOf = ({ kind, metadata }: Manifest): string => `${kind}/${metadata.name}`

export const read = (path: string): Manifest[] => readText(readFileSync(path, 'utf8'))

export function readText(text: string): Manifest[] {
  return parseAllDocuments(text).map((document) => {
    if (document.errors.length > 0) throw document.errors[0]
    return document.toJS() as Manifest
  })
}

/** Names of things in lists, by which they are told apart. */
const mergeKeys = ['name', 'mountPath', 'containerPort'] as const

function merged(before: unknown, patch: unknown): unknown {
  if (Array.isArray(before) && Array.isArray(patch)) return mergedList(before, patch)
  if (!isTree(before) || !isTree(patch)) return patch
  const keys = new Set([...Object.keys(before), ...Object.keys(patch)])
  return Object.fromEntries(
    [...keys].map((key) => [
      key,
      key in patch ? (key in before ? merged(before[key], patch[key]) : patch[key]) : before[key],
    ]),
  )
}

function mergedList(before: readonly unknown[], patch: readonly unknown[]): unknown[] {
  const key = mergeKeys.find((name) =>
    [...before, ...patch].every((one) => isTree(one) && name in one),
  )
  if (key === undefined) return [...patch]
  const [there, changes] = [before, patch] as [readonly Tree[], readonly Tree[]]
  const named = (list: readonly Tree[], one: Tree) => list.find((other) => other[key] === one[key])
  const untouched = there.filter((one) => !named(changes, one))
  const kept = changes.filter(({ $patch }) => $patch !== 'delete')
  return [...kept.map((change) => merged(named(there, change), change)), ...untouched]
}

export const isTree = (value: unknown): value is Tree =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

/** The value at a path of keys; undefined where there is none. */
export const at = (value: unknown, ...path: readonly string[]): unknown =>
  path.reduce<unknown>((found, key) => (isTree(found) ? found[key] : undefined), value)

export const listAt = (value: unknown, ...path: readonly string[]): Tree[] =>
  (at(value, ...path) as Tree[] | undefined) ?? []

export const containersOf = (manifest: Manifest): Tree[] =>
  listAt(manifest, 'spec', 'template', 'spec', 'containers')
