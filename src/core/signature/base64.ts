/*
 * Base64 without `node:buffer`, for code that also runs in browsers, Workers and Edge. `Uint8Array.fromBase64` would do
 * it, but Node 22 does not have it.
 */

/** Bytes that WebCrypto takes. `Uint8Array<ArrayBuffer>` says it too, but not to TypeScript 5.4. */
export type Bytes = ReturnType<InstanceType<typeof TextEncoder>['encode']>

/** Standard base64 with padding (RFC 4648). */
export function toBase64(bytes: Uint8Array): string {
  let binary = ''
  for (const byte of bytes) binary += String.fromCharCode(byte)
  return btoa(binary)
}

/** The bytes, or undefined where the text is not the one canonical spelling of them. */
export function fromBase64(text: string): Bytes | undefined {
  let binary: string
  try {
    binary = atob(text)
  } catch {
    return undefined
  }
  // `atob` skips white space, missing padding and stray bits: a mistyped key would be another key.
  return btoa(binary) === text ? Uint8Array.from(binary, (char) => char.charCodeAt(0)) : undefined
}
