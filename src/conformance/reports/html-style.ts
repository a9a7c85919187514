/** The look of the HTML report: readable without colour, in daylight and at night, on paper. */
export const style = `
:root {
  color-scheme: light dark;
  --ink: light-dark(#1d2329, #e3e7ea);
  --soft: light-dark(#5c6670, #98a2ab);
  --line: light-dark(#dde2e6, #333b43);
  --page: light-dark(#ffffff, #14181c);
  --panel: light-dark(#f6f8f9, #1b2126);
  --passed: light-dark(#1d7f4e, #4cc38a);
  --failed: light-dark(#c62f2f, #ff7b72);
  --skipped: light-dark(#a8b1b9, #59636d);
  --known: light-dark(#b7791f, #e0a84a);
}
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 68rem; padding: 2.5rem 1.5rem 5rem; background: var(--page); color: var(--ink);
  font: 15px/1.5 system-ui, -apple-system, "Segoe UI", sans-serif; }
h1 { margin: 0; font-size: 2rem; letter-spacing: -.02em; }
h2 { margin: 3rem 0 .75rem; font-size: 1.15rem; }
h3 { margin: 0 0 .5rem; font-size: 1rem; }
h4 { margin: .75rem 0 .25rem; font-size: .75rem; color: var(--soft); font-weight: 600; }
code, pre { font: 13px/1.45 ui-monospace, SFMono-Regular, Menlo, Consolas, monospace; }
a { color: inherit; text-decoration-color: var(--line); text-underline-offset: .2em; }
.kicker { margin: 0 0 .25rem; color: var(--soft); font-size: .85rem; }
.verdict { font-weight: 400; }
.verdict.passed { color: var(--passed); }
.verdict.failed { color: var(--failed); }
.tally { display: flex; gap: 1.75rem; margin: 1rem 0 .5rem; padding: 0; list-style: none; color: var(--soft); }
.tally b { font-size: 1.35rem; font-variant-numeric: tabular-nums; }
.tally .passed b { color: var(--passed); }
.tally .failed b { color: var(--failed); }
.note { margin: 0; color: var(--soft); font-size: .9rem; }
table { width: 100%; border-collapse: collapse; }
th, td { padding: .5rem .75rem .5rem 0; border-top: 1px solid var(--line); text-align: left; vertical-align: top; }
thead th, thead td { border-top: 0; color: var(--soft); font-size: .8rem; font-weight: 600; white-space: nowrap; }
.matrix { margin-top: 2rem; padding: 1rem 1.25rem; background: var(--panel); border-radius: 10px; overflow-x: auto; }
.matrix th[scope=row] { width: 9rem; font-weight: 500; }
.matrix td { min-width: 11rem; }
.marks { display: flex; flex-wrap: wrap; gap: 3px; max-width: 19rem; padding-top: .3rem; }
.marks i { width: 8px; height: 12px; border-radius: 2px; background: var(--passed); }
.marks i.failed { background: var(--failed); height: 18px; margin-top: -3px; }
.marks i.skipped { background: none; box-shadow: inset 0 0 0 1px var(--skipped); }
.marks i.known { background: var(--known); }
.count { display: block; margin-top: .2rem; color: var(--soft); font-size: .8rem; font-variant-numeric: tabular-nums; }
.count .failed { color: var(--failed); }
.foot { color: var(--soft); font-size: .8rem; }
.failure { margin: 1rem 0; padding: 1rem 1.25rem; border: 1px solid var(--line); border-left: 4px solid var(--failed); border-radius: 8px; }
.failure h3 span { margin-left: .5rem; color: var(--soft); font-weight: 400; }
.must { margin: 0; color: var(--soft); }
.broken { margin: .5rem 0; font-size: 1.05rem; font-weight: 600; color: var(--failed); }
.sides { display: grid; grid-template-columns: 1fr 1fr; gap: 1rem; }
.sides > div { min-width: 0; }
pre { margin: 0; padding: .6rem .75rem; max-height: 22rem; overflow: auto; background: var(--panel); border-radius: 6px;
  white-space: pre-wrap; overflow-wrap: anywhere; }
details { margin-top: .75rem; }
summary { cursor: pointer; color: var(--soft); }
.again { margin: .9rem 0 0; color: var(--soft); }
.checks td:first-child { width: 8rem; white-space: nowrap; }
.checks .status { width: 9.5rem; }
.status b { display: block; font-weight: 600; }
.status small { display: block; color: var(--soft); line-height: 1.3; }
.status.passed b { color: var(--passed); }
.status.failed b { color: var(--failed); }
.status.skipped b { color: var(--soft); font-weight: 400; }
.status.known b { color: var(--known); }
.checks strong { font-size: .85em; letter-spacing: .02em; }
@media (max-width: 40rem) { .sides { grid-template-columns: 1fr; } .matrix td { min-width: 8rem; } }
@media print { body { max-width: none; padding: 0; } section, .failure { break-inside: avoid; } }
`
