// The keys of the page, and whether single ones count.
// Not here: what they do (../keys.ts).

import { areKeysOn, keyTable, otherKeys } from '../keys.ts'
import { isHelpOpen } from '../questions.ts'
import { Dialog } from './dialog.tsx'

const close = () => {
  isHelpOpen.value = false
}

export function Help() {
  if (!isHelpOpen.value) return null
  const rows = [...keyTable.map(({ key, what }) => [key, what] as const), ...otherKeys]
  return (
    <Dialog title="Keys" onClose={close} isRead>
      <dl class="keys">
        {rows.map(([key, what]) => (
          <div key={key}>
            <dt>
              <kbd>{key}</kbd>
            </dt>
            <dd>{what}</dd>
          </div>
        ))}
      </dl>
      <p>A VM is carried to another node with the mouse, or with a finger after a short hold.</p>
      <label class="check">
        <input
          type="checkbox"
          checked={areKeysOn.value}
          onChange={(event) => {
            areKeysOn.value = event.currentTarget.checked
          }}
        />{' '}
        single keys do this
      </label>
      <div class="row end">
        <button type="button" onClick={close}>
          Close
        </button>
      </div>
    </Dialog>
  )
}
