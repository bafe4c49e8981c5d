// The titles of a table's columns; those of numbers stand at the right, as the numbers do. Not
// here: the table (history.tsx, links.tsx, templates.tsx), what is in it.

export type ColumnTitle = readonly [title: string, kind: 'number' | '']

export const ColumnTitles = ({ titles }: { readonly titles: readonly ColumnTitle[] }) => (
  <>
    {titles.map(([title, kind]) => (
      <th key={title} scope="col" class={kind}>
        {title}
      </th>
    ))}
  </>
)
