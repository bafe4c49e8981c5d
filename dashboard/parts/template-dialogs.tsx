// A new VM of a template, and a new template of a snapshot. Not here: the list (templates.tsx),
// what is asked of the cluster (../commands.ts).

import { useState } from 'preact/hooks'
import type { NodeView, TemplateView } from '#proto/api.ts'
import { mibText } from '#proto/quantity.ts'
import { workloadOf } from '#proto/vm-spec.ts'
import { view } from '../cluster.ts'
import { keepTemplate, run } from '../commands.ts'
import { freeName, nameMistake, templateNameOf } from '../new-vm.ts'
import { deployAsked, keepAsked, type SnapshotOfVm } from '../questions.ts'
import { go } from '../route.ts'
import { allows } from '../session.ts'
import { NodeField, TextField } from './fields.tsx'
import { FormDialog } from './form-dialog.tsx'
import { useGone } from './gone.ts'

export function TemplateDialogs() {
  const [deployed, kept, now] = [deployAsked.value, keepAsked.value, view.value]
  const isGone = kept && now && !now.vms.some(({ id }) => id === kept.vmId)
  useGone(isGone ? kept.vmId : undefined, closeKeep)
  if (deployed && now) return <Deploy template={deployed} nodes={now.nodes} />
  return kept && !isGone ? <Keep {...kept} /> : null
}

const closeDeploy = () => {
  deployAsked.value = undefined
}
const closeKeep = () => {
  keepAsked.value = undefined
}
const takenNames = () => new Set<string>(view.peek()?.vms.map(({ id }) => id))

interface DeployProps {
  readonly template: TemplateView
  readonly nodes: readonly NodeView[]
}

function Deploy({ template, nodes }: DeployProps) {
  const [name, setName] = useState(() => freeName(template.name, takenNames()))
  const [node, setNode] = useState('')
  const submit = async () => {
    const where = node === '' ? {} : { startOn: node }
    const request = { id: name, spec: {}, template: template.name, ...where }
    const refused = nameMistake(name, 'VM', takenNames()) ?? (await run(request))
    if (refused !== undefined) return refused
    closeDeploy()
    go({ is: 'vm', id: name })
    return undefined
  }
  return (
    <FormDialog
      title={`A new VM of ${template.name}`}
      word="Start"
      submit={submit}
      close={closeDeploy}
    >
      <p>
        {mibText(template.memoryMib)}, {workloadOf(template)}: it runs at once as the template has
        it, as somebody else, and its pages come as it touches them.
      </p>
      <TextField word="Name" value={name} change={setName} />
      {allows('place') && <NodeField node={node} nodes={nodes} change={setNode} />}
    </FormDialog>
  )
}

function Keep({ vmId, snapshot }: SnapshotOfVm) {
  const [name, setName] = useState(templateNameOf(vmId))
  const [about, setAbout] = useState('')
  const submit = async () => {
    const request = { name, about, vm: vmId, snapshot }
    const refused = nameMistake(name, 'template', new Set()) ?? (await keepTemplate(request))
    if (refused !== undefined) return refused
    closeKeep()
    go({ is: 'templates' })
    return undefined
  }
  return (
    <FormDialog
      title={`A template of ${vmId} as in ${snapshot}`}
      word="Make it"
      submit={submit}
      close={closeKeep}
    >
      <TextField word="Name of the template" value={name} change={setName} />
      <TextField word="What it is, in a sentence" value={about} change={setAbout} />
    </FormDialog>
  )
}
