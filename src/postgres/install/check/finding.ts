/** Something that is not as it should be. */
export interface Finding {
  /** An error keeps the endpoint from working or breaks a promise; a warning is for somebody to judge. */
  readonly level: 'error' | 'warning'
  /** A model's name, or what else it is about: `server`, `role`, `feed`, `storage`, our own schema. */
  readonly subject: string
  readonly message: string
  /** What to do about it. */
  readonly fix: string
}

export const error = (subject: string, message: string, fix: string): Finding => ({
  level: 'error',
  subject,
  message,
  fix,
})

export const warning = (subject: string, message: string, fix: string): Finding => ({
  ...error(subject, message, fix),
  level: 'warning',
})

export const MIGRATE = 'Run `npx postern migrate` with this schema.'
