// The fields of the page's forms: each a word and what somebody writes or chooses there. Not here:
// the forms (form-dialog.tsx and who uses it), what is right to write into them (../new-vm.ts).

import type { NodeView } from '#proto/api.ts'
import { NodeOptions } from './node-options.tsx'

interface FieldProps<Value> {
  readonly word: string
  readonly value: Value
  change(value: Value): void
}

export const TextField = ({ word, value, change }: FieldProps<string>) => (
  <label>
    {word}
    <input
      type="text"
      autocomplete="off"
      spellcheck={false}
      value={value}
      onInput={({ currentTarget }) => change(currentTarget.value)}
    />
  </label>
)

/** Whole numbers. */
export const NumberField = ({
  word,
  value,
  change,
  limits,
}: FieldProps<number> & { limits: readonly [number, number] }) => (
  <label>
    {word}
    <input
      type="number"
      min={limits[0]}
      max={limits[1]}
      required
      value={value}
      onInput={({ currentTarget }) => change(Math.floor(currentTarget.valueAsNumber) || 0)}
    />
  </label>
)

interface NodeFieldProps {
  readonly node: string
  readonly nodes: readonly NodeView[]
  change(node: string): void
}

export const NodeField = ({ node, nodes, change }: NodeFieldProps) => (
  <label>
    Where
    <select value={node} onChange={({ currentTarget: { value } }) => change(value)}>
      <option value="">where the coordinator sees fit</option>
      <NodeOptions nodes={nodes} />
    </select>
  </label>
)

interface ChoiceFieldProps<Value extends string> extends FieldProps<Value> {
  readonly words: Readonly<Record<Value, string>>
}

/** One of several, each with its words. */
export function ChoiceField<Value extends string>(props: ChoiceFieldProps<Value>) {
  const { word, value, words, change } = props
  return (
    <label>
      {word}
      <select value={value} onChange={({ currentTarget }) => change(currentTarget.value as Value)}>
        {(Object.entries(words) as [Value, string][]).map(([each, text]) => (
          <option key={each} value={each}>
            {text}
          </option>
        ))}
      </select>
    </label>
  )
}

export const CheckField = ({ word, value, change }: FieldProps<boolean>) => (
  <label>
    {word}
    <input
      type="checkbox"
      checked={value}
      onChange={({ currentTarget }) => change(currentTarget.checked)}
    />
  </label>
)
