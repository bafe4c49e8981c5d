// The page that reports and heat maps are written as: one HTML file without scripts and without
// network, in light and dark, for screens and paper. Pure. Not here: what stands in it (html.ts).

import { plain } from './markup.ts'

/**
 * Colours of why a page was sent: told apart by lightness too, and at least 3:1 against the card.
 * After Okabe and Ito, whose palette the colour-blind tell apart (2008).
 */
const css = `
:root{color-scheme:light dark;--ink:light-dark(#1b2124,#e6eaea);--soft:light-dark(#566064,#9aa7aa);
--sheet:light-dark(#f4f3ef,#101517);--card:light-dark(#fff,#181f22);
--line:light-dark(#e3e0d8,#2b3639);--track:light-dark(#dcd9d0,#2a3437);
--good:light-dark(#2b7347,#6cc28d);--bad:light-dark(#b0263a,#f2808d);
--named:light-dark(#e4e1d9,#29343a);--first:light-dark(#0072b2,#56b4e9);
--again:light-dark(#b87800,#e69f00);--last:light-dark(#1b2124,#f4f6f6);
--waited-for:light-dark(#b3246e,#f06aa9);--fetched:light-dark(#00845f,#1fb58c)}
body{margin:0;background:var(--sheet);color:var(--ink);font:15px/1.5 system-ui,sans-serif}
main{max-width:66rem;margin:0 auto;padding:1.5rem}
h1{font-size:1.5rem;margin:0}h2{font-size:1.05rem;margin:0 0 .6rem}
h3{font-size:.95rem;margin:0;display:inline}h4{font-size:.87rem;margin:1.1rem 0 .3rem}
section{background:var(--card);border:1px solid var(--line);border-radius:10px;padding:1rem 1.1rem;
margin-top:1rem}
.wide{overflow-x:auto}
table{border-collapse:collapse;width:100%;font-size:.87rem}
th,td{text-align:left;padding:.3rem .6rem;border-top:1px solid var(--line);vertical-align:top}
thead th{border:0;color:var(--soft)}th{font-weight:400}
td.n,th.n{text-align:right;font-variant-numeric:tabular-nums;white-space:nowrap}
.good{color:var(--good)}.bad{color:var(--bad)}.soft{color:var(--soft)}
code{font:.85rem ui-monospace,monospace;overflow-wrap:anywhere}
.verdict{font-size:1.1rem;font-weight:600}
details{border-top:1px solid var(--line);padding:.5rem 0}summary{cursor:pointer}
ul.legend{display:flex;flex-wrap:wrap;gap:.2rem 1.2rem;list-style:none;padding:0;margin:.4rem 0;
font-size:.83rem}
ul.legend svg{width:.9rem;height:.9rem;min-width:0;vertical-align:-.12rem;margin-right:.4rem}
svg{width:100%;min-width:44rem;font:11px system-ui,sans-serif}
svg text{fill:var(--soft)}svg text.off,svg text.dot{fill:var(--ink)}
svg text.name{text-anchor:end;fill:var(--ink)}svg text.axis,svg text.step{text-anchor:middle}
svg text.step{fill:var(--ink);font-weight:600}
svg line.tick{stroke:var(--line)}svg line.step{stroke:var(--ink);stroke-dasharray:2 3}
svg.bar{min-width:0;height:1.4rem;display:block;border-radius:3px}
svg.small{min-width:16rem;max-width:26rem;height:1.5rem;width:100%;display:block}
p{overflow-wrap:anywhere}
:focus-visible{outline:2px solid var(--first);outline-offset:2px}
@media print{details:not([open])>*{display:block}section{break-inside:avoid}}
`

export const pageHtml = (title: string, body: readonly string[]): string =>
  [
    '<!doctype html>',
    '<html lang="en"><head><meta charset="utf-8">',
    '<meta name="viewport" content="width=device-width,initial-scale=1">',
    `<title>${plain(title)}</title><style>${css}</style></head><body><main>`,
    ...body.filter((part) => part !== ''),
    '</main></body></html>\n',
  ].join('\n')
