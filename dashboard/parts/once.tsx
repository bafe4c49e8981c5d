// A part that is drawn again only when one of the things it was given is another one: the page as a
// whole is looked through several times a second. Signals that it reads itself count besides.

import { Component, type FunctionComponent } from 'preact'

export function once<Props extends object>(Part: FunctionComponent<Props>) {
  return class Once extends Component<Props> {
    override shouldComponentUpdate(next: Readonly<Props>): boolean {
      const names = Object.keys(next) as (keyof Props)[]
      const before = this.props as unknown as Props
      return names.some((name) => next[name] !== before[name])
    }

    override render(props: Props) {
      return <Part {...props} />
    }
  }
}
