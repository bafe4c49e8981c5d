// Systems with their applications, kept to begin VMs from: what each is, and a new VM of it.
// Not here: how one is made, which begins at a snapshot (snapshots.tsx), the forms
// (template-dialogs.tsx).

import { useLayoutEffect, useRef } from 'preact/hooks'
import type { TemplateView } from '#proto/api.ts'
import { mibText } from '#proto/quantity.ts'
import { workloadOf } from '#proto/vm-spec.ts'
import { begin, dropTemplateRow } from '../actions.ts'
import { momentText } from '../moment-text.ts'
import { deployAsked } from '../questions.ts'
import { allows, allowsOwned } from '../session.ts'
import { useTemplates } from '../templates.ts'
import { Act } from './act.tsx'
import { type ColumnTitle, ColumnTitles } from './column-titles.tsx'
import { useKeptFocus } from './kept-focus.ts'
import { Sign } from './sign.tsx'

export function Templates() {
  const found = useTemplates()
  const box = useRef<HTMLElement>(null)
  const heading = useRef<HTMLHeadingElement>(null)
  useKeptFocus(box, () => heading.current)
  // Who comes from a form that is gone with its place has the focus nowhere.
  useLayoutEffect(() => {
    if (document.activeElement === document.body) heading.current?.focus()
  }, [])
  return (
    <main class="single" ref={box}>
      <section class="card" aria-labelledby="templates-title">
        <header>
          <h2 id="templates-title" tabIndex={-1} ref={heading}>
            Templates
          </h2>
          {found && <p>{found.length}</p>}
        </header>
        {found?.length === 0 && (
          <p class="empty">
            There are none. One is made of a snapshot: open a VM, take one, and choose Template.
          </p>
        )}
        {found && found.length > 0 && <Table templates={found} />}
      </section>
    </main>
  )
}

/** After its name and what can be done with it, which narrow windows show without scrolling. */
const titles: readonly ColumnTitle[] = [
  ['State', ''],
  ['Memory', 'number'],
  ['Disk', 'number'],
  ['Does', ''],
  ['Made', ''],
]

function Table({ templates }: { templates: readonly TemplateView[] }) {
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: it scrolls sideways on narrow windows
    <section class="scroll" tabIndex={0} aria-label="Table of templates">
      <table class="templates">
        <thead>
          <tr>
            <th scope="col">Template</th>
            <th scope="col">
              <span class="spoken">What can be done</span>
            </th>
            <ColumnTitles titles={titles} />
          </tr>
        </thead>
        <tbody>
          {templates.map((one) => (
            <Row key={one.name} {...one} />
          ))}
        </tbody>
      </table>
    </section>
  )
}

const signs = { making: 'wait', ready: 'on', removing: 'wait', failed: 'bad' } as const
const outcomes = { making: '', ready: 'done', removing: '', failed: 'failed' } as const

function Row(template: TemplateView) {
  const { name, phase, memoryMib, diskMib, takenWallMs, about, fault } = template
  return (
    <tr>
      <th scope="row">
        <b>{name}</b>
        {about !== '' && <small>{about}</small>}
      </th>
      <td>
        <Actions {...template} />
      </td>
      <td class={`outcome ${outcomes[phase]}`}>
        <Sign name={signs[phase]} /> {phase}
        {fault && <small>{fault.message}</small>}
      </td>
      <td class="number">{mibText(memoryMib)}</td>
      <td class="number">{diskMib === 0 ? 'none' : mibText(diskMib)}</td>
      <td>{workloadOf(template)}</td>
      <td>{momentText(takenWallMs)}</td>
    </tr>
  )
}

function Actions(template: TemplateView) {
  const { name, phase, owner } = template
  return (
    <span class="row">
      {allows('run') && (
        <Act
          word="New VM"
          about={`New VM of ${name}`}
          style=""
          isOff={phase !== 'ready'}
          run={() => {
            deployAsked.value = template
          }}
        />
      )}
      {allowsOwned('copy', { id: name, owner }) && (
        <Act
          word={dropTemplateRow.word}
          about={`${dropTemplateRow.word} ${name}`}
          isOff={phase === 'making' || phase === 'removing'}
          run={() => begin(dropTemplateRow, name)}
        />
      )}
    </span>
  )
}
