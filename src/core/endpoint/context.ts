/** What is known of a request once its signature holds. */
export interface VerifiedContext {
  /** The request as it came, its body read. */
  readonly request: Request
  /** Stands in the answer of an error and in the log. */
  readonly requestId: string
  /** The webhook-id header. */
  readonly messageId: string
  /** The webhook-timestamp header: Unix seconds. */
  readonly signedAt: number
  /** The `id` of the key that signed, or the `kid` of a JWS. */
  readonly keyId: string | undefined
}
