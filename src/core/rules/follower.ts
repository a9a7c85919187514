/** Names the follower that acknowledges by its requests: a key, and the tenant whose feed it reads. */
export const followerOf = (keyId: string | undefined, tenant: string | null): string =>
  `${REQUESTED}${JSON.stringify([keyId ?? '', tenant ?? ''])}`

/** Begins the names of followers that acknowledge by their requests. */
export const REQUESTED = 'key:'
