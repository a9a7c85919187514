// Phrases that a reader of basic English reads twice, and what to write instead.

export interface Phrase {
  readonly pattern: string
  readonly instead: string
}

/** A space in a pattern also matches a line break and the mark of a comment's next line. */
const phrases: readonly Phrase[] = [
  {
    pattern: '(?<!there )(?:is|are|was|were|be|been) no(?! longer| more| later| earlier| larger)',
    instead: 'is not a',
  },
  {
    pattern: '(?:is|are|was|were) none(?: of (?:this|that|these|its|theirs))?',
    instead: 'is not one, does not exist',
  },
  { pattern: 'who(?:m|so)?ever', instead: 'any caller, anyone who' },
  { pattern: '(?:for|to|of|from|by|with) who', instead: 'for callers that' },
  { pattern: "nobody(?:[’']s)?", instead: 'no caller, no one, global' },
  { pattern: '(?:stands?|stood)(?: in)?', instead: 'is, is in' },
  { pattern: '(?:the|a|last|this|that|every) doors?', instead: 'the endpoint' },
  { pattern: 'knock(?:s|ed|ing)?', instead: 'send a request' },
  { pattern: 'ours', instead: "postern's" },
  { pattern: 'theirs', instead: "the caller's, the application's" },
  { pattern: 'apart from', instead: 'except' },
  { pattern: '(?:told|tells?|telling)(?: \\w+){0,3} apart', instead: 'distinguished, distinguishes' },
  { pattern: 'apart', instead: 'separately, in its own transaction' },
  { pattern: 'so many', instead: 'a number of, this many' },
  { pattern: 'that (?:is|are) there', instead: 'that exists, existing' },
  { pattern: 'takes? no', instead: 'does not accept, is NOT NULL' },
  { pattern: '(?:keys|events|rows|entries|all) went', instead: 'were removed' },
  { pattern: '(?:came|comes?|come) (?:or|and) (?:went|goes|go)', instead: 'was created or deleted' },
  { pattern: '(?:say|says) how it is called', instead: 'show this help' },
  { pattern: 'passes by', instead: 'bypasses' },
  { pattern: '(?:signature|key|token)s? (?:holds?|held)', instead: 'is valid, matches' },
  { pattern: 'what holds', instead: 'what prevents it, what delays it' },
  {
    pattern: '(?:comes?|came|becomes?|became) of (?:it|this|that|a|an|the|them|one|each)',
    instead: 'the result of, what happens to',
  },
  { pattern: 'knows? (?:no|nothing)', instead: 'does not know' },
  { pattern: '(?:for ever|ever after)', instead: 'permanently' },
  {
    pattern: '(?:hence|whence|thereof|therein|whereof|herein|hereby|thereby|whereby|henceforth)',
    instead: 'so, in it, by which',
  },
  { pattern: '(?:had|ought) (?:better|rather)', instead: 'should' },
  { pattern: 'vouch(?:es|ed)?', instead: 'confirm, prove' },
  { pattern: '(?:as it were|so to speak|needless to say|last but not least)', instead: '(leave it out)' },
  {
    pattern: '(?:without a word|in one breath|by heart|on its word|at its word|the last word)',
    instead: 'silently, at once',
  },
  { pattern: "of one[’']s own", instead: 'your own' },
]

export interface Finding {
  /** The line of the text, from 1. */
  readonly line: number
  readonly found: string
  readonly instead: string
}

const rules = phrases.map(({ pattern, instead }) => ({
  regex: new RegExp(`(?<![\\w-])${pattern.replaceAll(' ', '\\s+')}(?![\\w-])`, 'gi'),
  instead,
}))

/** The banned phrases of a text, in order; where two overlap, the first that began. */
export function findingsIn(prose: string): Finding[] {
  const matches = rules.flatMap(({ regex, instead }) =>
    [...prose.matchAll(regex)].map((match) => ({ start: match.index, text: match[0], instead })),
  )
  matches.sort((a, b) => a.start - b.start || b.text.length - a.text.length)
  const findings: Finding[] = []
  let end = 0
  for (const { start, text, instead } of matches) {
    if (start < end) continue
    end = start + text.length
    const line = prose.slice(0, start).split('\n').length
    findings.push({ line, found: text.replace(/\s+/g, ' '), instead })
  }
  return findings
}
