// The manifests of kubernetes/, without a cluster: each object is what its schema says, what names
// another names one that is there, and what containers are told is what our programs understand.

import { execFileSync, spawnSync } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { isDeepStrictEqual } from 'node:util'
import * as apps from 'kubernetes-models/apps/v1'
import * as networking from 'kubernetes-models/networking.k8s.io/v1'
import * as policy from 'kubernetes-models/policy/v1'
import * as core from 'kubernetes-models/v1'
import { describe, expect, test } from 'vitest'
import { readEtcd } from '#coordinator/shell/etcd-flags.ts'
import { revokedFile } from '#env/real/credentials.ts'
import { readSettings } from '#node-agent/flags.ts'
import { movingMsMax } from '#node-agent/leaving.ts'
import { repositoryRoot } from '../tidy/source-file.ts'
import {
  at,
  build,
  containersOf,
  folderOf,
  listAt,
  type Manifest,
  readText,
  type Tree,
} from './manifests.ts'

const variants = ['base', ...readdirSync(folderOf('overlays')).map((name) => `overlays/${name}`)]
const read = (path: string) => readFileSync(join(repositoryRoot, path), 'utf8')

type Model = new (data: never) => { validate(): void }
const models: Readonly<Record<string, Readonly<Record<string, unknown>>>> = {
  ...{ v1: core, 'apps/v1': apps, 'policy/v1': policy, 'networking.k8s.io/v1': networking },
}

/** Is there a `kubectl` whose kustomize works? */
const hasKubectl = spawnSync('kubectl', ['kustomize', folderOf('base')]).status === 0

/** What a pod mounts of secrets, as volumes of their own or together in one. */
function secretsIn(pod: unknown) {
  return listAt(pod, 'volumes').flatMap((volume) => {
    const { secret } = volume as { secret?: Tree & { secretName: string } }
    const parts = [...listAt(volume, 'projected', 'sources').map((one) => one.secret as Tree)]
    const all = secret ? [{ ...secret, name: secret.secretName }, ...parts] : parts
    return all.map((one) => ({
      ...{ name: String(one.name), items: listAt(one, 'items') },
      isOptional: at(one, 'optional') === true,
    }))
  })
}

describe.each(variants)('%s', (variant) => {
  const built = build(folderOf(variant))
  const all = [...built.values()]
  const workloads = all.filter((one) => containersOf(one).length > 0)
  const labelsOf = (workload: Manifest) =>
    at(workload, 'spec', 'template', 'metadata', 'labels') as Record<string, string>
  const podsFor = (selector: unknown) =>
    workloads.filter((one) =>
      Object.entries(selector as Record<string, string>).every(
        ([key, value]) => labelsOf(one)[key] === value,
      ),
    )
  const portsOf = (workload: Manifest) =>
    containersOf(workload).flatMap((container) => listAt(container, 'ports'))

  test.each(all.map((one) => [`${one.kind}/${one.metadata.name}`, one] as const))(
    '%s is what its schema says',
    (_name, manifest) => {
      const Known = models[manifest.apiVersion]?.[manifest.kind] as Model | undefined
      expect(Known, `no schema of ${manifest.apiVersion} ${manifest.kind}`).toBeDefined()
      if (Known) new Known(manifest as never).validate()
    },
  )

  // skipped: only where there is no kubectl; CI's machine may have none.
  test.skipIf(!hasKubectl)('is what kustomize makes of it', () => {
    const text = execFileSync('kubectl', ['kustomize', folderOf(variant)], { encoding: 'utf8' })
    const theirs = new Map(readText(text).map((one) => [`${one.kind}/${one.metadata.name}`, one]))
    expect([...theirs.keys()].sort()).toEqual([...built.keys()].sort())
    for (const [key, manifest] of built) expect(theirs.get(key)?.spec, key).toEqual(manifest.spec)
  })

  test('selectors find the pods they mean, by ports that those have', () => {
    for (const one of all.filter(({ kind }) => kind === 'Service')) {
      const [workload, ...more] = podsFor(at(one, 'spec', 'selector'))
      expect([workload?.kind, more], one.metadata.name).toEqual(['StatefulSet', []])
      const names = workload ? portsOf(workload).map(({ name }) => name) : []
      for (const { targetPort } of listAt(one, 'spec', 'ports')) expect(names).toContain(targetPort)
    }
    for (const workload of workloads) {
      const selector = at(workload, 'spec', 'selector', 'matchLabels')
      expect(podsFor(selector)).toEqual([workload])
      expect(built.has(`Service/${at(workload, 'spec', 'serviceName')}`)).toBe(true)
    }
    for (const one of all.filter(({ kind }) => kind === 'PodDisruptionBudget'))
      expect(podsFor(at(one, 'spec', 'selector', 'matchLabels'))).toHaveLength(1)
  })

  test('what may be reached is what somebody listens on, and all else is shut', () => {
    const policies = all.filter(({ kind }) => kind === 'NetworkPolicy')
    const shut = policies.find(
      (one) => Object.keys(at(one, 'spec', 'podSelector') as Tree).length === 0,
    )
    expect(at(shut, 'spec')).toEqual({ podSelector: {}, policyTypes: ['Ingress', 'Egress'] })
    const ours = workloads.flatMap(portsOf).map(({ containerPort }) => containerPort)
    for (const one of policies.filter((other) => other !== shut)) {
      const [workload] = podsFor(at(one, 'spec', 'podSelector', 'matchLabels'))
      const open = listAt(one, 'spec', 'ingress').flatMap((rule) => listAt(rule, 'ports'))
      const listens = workload ? portsOf(workload).map(({ containerPort }) => containerPort) : []
      expect(open.map(({ port }) => port).sort()).toEqual(listens.sort())
      const out = listAt(one, 'spec', 'egress').flatMap((rule) => listAt(rule, 'ports'))
      for (const { port } of out) expect([...ours, 53]).toContain(port)
    }
  })

  test('Prometheus is let in to all that tell it something', () => {
    const prometheus = { namespaceSelector: { matchLabels: { 'godwit.monitoring': 'yes' } } }
    const asked = { coordinator: 7070, agent: 9100 }
    for (const [name, port] of Object.entries(asked)) {
      const rules = all
        .filter(({ kind }) => kind === 'NetworkPolicy')
        .filter(
          (one) =>
            podsFor(at(one, 'spec', 'podSelector', 'matchLabels') ?? { no: '' })[0] ===
            built.get(`StatefulSet/${name}`),
        )
        .flatMap((one) => listAt(one, 'spec', 'ingress'))
      const open = rules
        .filter((rule) => listAt(rule, 'from').some((from) => isDeepStrictEqual(from, prometheus)))
        .flatMap((rule) => listAt(rule, 'ports').map((one) => one.port))
      expect(open, name).toEqual([port])
    }
  })

  test('who is let in is let out on the way there, and may ask for its name', () => {
    const policies = all.filter(({ kind }) => kind === 'NetworkPolicy')
    const labelsIn = (tree: unknown) => JSON.stringify(at(tree as Manifest, 'matchLabels'))
    const portsOutOf = (who: string, to: string) =>
      policies
        .filter((one) => labelsIn(at(one, 'spec', 'podSelector')) === who)
        .flatMap((one) => listAt(one, 'spec', 'egress'))
        .filter((rule) => JSON.stringify(rule).includes(to))
        .flatMap((rule) => listAt(rule, 'ports').map(({ port }) => port))
    for (const one of policies)
      for (const rule of listAt(one, 'spec', 'ingress'))
        for (const { podSelector } of listAt(rule, 'from')) {
          // Pods of another namespace are that one's to let out.
          if (podSelector === undefined) continue
          const who = labelsIn(podSelector)
          const out = portsOutOf(who, labelsIn(at(one, 'spec', 'podSelector')))
          for (const { port } of listAt(rule, 'ports')) expect(out).toContain(port)
          expect(portsOutOf(who, 'kube-system')).toEqual([53, 53])
        }
  })

  describe.each(workloads.map((one) => [one.metadata.name, one] as const))(
    '%s',
    (role, workload) => {
      const [container = {}] = containersOf(workload)
      const pod = at(workload, 'spec', 'template', 'spec')
      const env = new Map(listAt(container, 'env').map(({ name, value }) => [String(name), value]))

      test('is nobody much, has nothing to write to, and bounds', () => {
        expect(at(pod, 'automountServiceAccountToken')).toBe(false)
        expect(at(pod, 'securityContext')).toMatchObject({
          ...{ runAsNonRoot: true, runAsUser: 1000, seccompProfile: { type: 'RuntimeDefault' } },
        })
        expect(at(container, 'securityContext')).toEqual({
          ...{ allowPrivilegeEscalation: false, readOnlyRootFilesystem: true },
          capabilities: { drop: ['ALL'] },
        })
        expect(at(container, 'resources', 'limits', 'memory')).toMatch(/^\d+[MG]i$/)
        expect(at(container, 'resources', 'requests', 'cpu')).toBeDefined()
      })

      test('is asked for its health at ports it has', () => {
        const named = portsOf(workload).map(({ name }) => name)
        for (const probe of ['startupProbe', 'readinessProbe', 'livenessProbe']) {
          const asked = at(container, probe, 'httpGet') ?? at(container, probe, 'tcpSocket')
          expect(named, `${role} ${probe}`).toContain(at(asked, 'port'))
        }
        // The coordinator's absence must not end agents, whose guests go on.
        if (role === 'agent') expect(at(container, 'livenessProbe', 'httpGet')).toBeUndefined()
      })

      test('mounts what there is, where its program looks', () => {
        const claims = listAt(workload, 'spec', 'volumeClaimTemplates').map((one) =>
          at(one, 'metadata', 'name'),
        )
        const volumes = listAt(pod, 'volumes')
        for (const { name } of listAt(container, 'volumeMounts'))
          expect([...claims, ...volumes.map((one) => one.name)]).toContain(name)
        for (const volume of volumes) {
          const claim = at(volume, 'persistentVolumeClaim', 'claimName')
          if (claim !== undefined) expect(built.has(`PersistentVolumeClaim/${claim}`)).toBe(true)
        }
        const mounted = listAt(container, 'volumeMounts').map(({ mountPath }) => mountPath)
        const isOfSeveral = env.has('GODWIT_STORE')
        const own = {
          coordinator: isOfSeveral ? ['/token'] : ['/token', '/data'],
          agent: ['/token', '/disks'],
          etcd: [String(env.get('ETCD_DATA_DIR')).replace(/\/data$/, '')],
        }[role]
        expect(mounted).toEqual(expect.arrayContaining([...(own ?? ['nothing']), '/tmp']))
      })

      test('takes secrets that docs/containers.md says how to make, with their keys', () => {
        const manual = read('docs/containers.md')
        for (const { name, items } of secretsIn(pod)) {
          expect(manual).toContain(`create secret generic ${name}`)
          for (const { key } of items) expect(manual, `${key}`).toContain(String(key))
        }
        expect(manual).toContain('--from-literal=token=')
      })

      test('with certificates it has the list of those that are revoked, once there is one', () => {
        if (!env.has('GODWIT_CERTS')) return
        const list = secretsIn(pod).find(({ items }) =>
          items.some(({ path }) => path === revokedFile),
        )
        expect(list).toMatchObject({ isOptional: true })
        expect(secretsIn(pod).filter(({ isOptional }) => isOptional)).toEqual([list])
      })

      // skipped: it is another's program.
      test.skipIf(role === 'etcd')('is told what its program understands', () => {
        const entry = read('tools/container.mjs')
        const [program, ...flags] = at(container, 'args') as string[]
        expect(entry).toContain(`  ${program}: async () =>`)
        const mains = {
          agent: ['node-agent/flags.ts'],
          coordinator: [
            'coordinator/process.ts',
            'coordinator/shell/etcd-flags.ts',
            'cli/program.ts',
          ],
        }[String(program)]
        const known = [entry, ...(mains ?? []).map(read)].join()
        for (const name of env.keys())
          if (name !== 'POD_NAME') expect(known).toMatch(new RegExp(`\\b${name}\\b`))
        if (program !== 'agent') return
        const isTls = env.has('GODWIT_CERTS')
        const ws = isTls ? 'wss' : 'ws'
        const argv = flags.map((flag) => flag.replace('$(POD_NAME)', 'agent-0'))
        const settings = readSettings(
          [
            ...[
              '--coordinator',
              `${ws}://coordinator:7070/agent`,
              '--listen',
              `${ws}://0.0.0.0:7071`,
            ],
            ...argv,
          ],
          Object.fromEntries(env) as Record<string, string>,
        )
        expect(settings).toMatchObject({
          node: 'agent-0',
          advertise: `${ws}://agent-0.agents:7071`,
        })
      })
    },
  )

  /** `base-0`, `base-1` …: the pods of a set by the names that its service gives them. */
  const podNamesOf = (name: string) => {
    const workload = built.get(`StatefulSet/${name}`)
    const { replicas, serviceName } = (workload?.spec ?? {}) as Record<string, unknown>
    return Array.from({ length: Number(replicas) }, (_, n) => `${name}-${n}.${serviceName}`)
  }
  const envOf = (name: string) => {
    const workload = built.get(`StatefulSet/${name}`)
    const [container = {}] = workload ? containersOf(workload) : []
    return new Map(listAt(container, 'env').map((one) => [String(one.name), String(one.value)]))
  }
  const urls = (names: readonly string[], port: number) =>
    names.map((name) => `http://${name}:${port}`).join()

  // skipped: there is one coordinator, with a file.
  test.skipIf(!built.has('StatefulSet/etcd'))('several find each other, and etcd', () => {
    const [coordinators, members] = [podNamesOf('coordinator'), podNamesOf('etcd')]
    expect([coordinators.length, members.length]).toEqual([3, 3])
    const coordinator = envOf('coordinator')
    expect(coordinator.get('GODWIT_STORE')).toBe(`etcd=${urls(members, 2379)}`)
    expect(coordinator.get('GODWIT_API')).toBe(urls(coordinators, 7070))
    const place = readEtcd((flag, standard) => {
      const name = `GODWIT_${flag.toUpperCase().replaceAll('-', '_')}`
      return (coordinator.get(name) ?? standard).replace('$(POD_NAME)', 'coordinator-0')
    }, 'http://0.0.0.0:7070')
    expect(place).toMatchObject({
      ...{ name: 'coordinator-0', advertise: `http://${coordinators[0]}:7070` },
    })
    expect(envOf('agent').get('GODWIT_COORDINATORS')).toBe(coordinators.join())
    const each = members.map((name) => `${name.split('.')[0]}=http://${name}:2380`)
    expect(envOf('etcd').get('ETCD_INITIAL_CLUSTER')).toBe(each.join())
    for (const what of ['PEER', 'CLIENT']) {
      const port = what === 'PEER' ? 2380 : 2379
      const key =
        what === 'PEER' ? 'ETCD_INITIAL_ADVERTISE_PEER_URLS' : 'ETCD_ADVERTISE_CLIENT_URLS'
      expect(envOf('etcd').get(key)).toBe(`http://$(POD_NAME).etcd:${port}`)
      expect(envOf('etcd').get(`ETCD_LISTEN_${what}_URLS`)).toBe(`http://0.0.0.0:${port}`)
    }
  })

  test('an agent has the memory that it promises to VMs, and time to let them go', () => {
    const agent = built.get('StatefulSet/agent')
    const [container = {}] = agent ? containersOf(agent) : []
    const promised = listAt(container, 'env').find(({ name }) => name === 'GODWIT_MEMORY')
    const limit = String(at(container, 'resources', 'limits', 'memory'))
    const [, number = '0', unit] = /^(\d+)([MG])i$/.exec(limit) ?? []
    const limitMib = Number(number) * (unit === 'G' ? 1024 : 1)
    expect(limitMib - Number(promised?.value)).toBeGreaterThanOrEqual(512)
    const graceSeconds = at(agent, 'spec', 'template', 'spec', 'terminationGracePeriodSeconds')
    expect(Number(graceSeconds) * 1000).toBeGreaterThan(movingMsMax)
  })
})
