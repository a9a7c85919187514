import type { SigningInput } from '../core/signature/sign.ts'

/** The request as a curl command: signed now, good for as long as the endpoint's tolerance, and without the key. */
export async function curlOf(url: string, key: SigningInput, request: object): Promise<string> {
  const { signRequest } = await import('../core/signature/sign.ts')
  const body = JSON.stringify(request)
  const headers = { 'content-type': 'application/json', ...(await signRequest(key, body)) }
  return [
    `curl ${shell(url)}`,
    ...Object.entries(headers).map(([name, value]) => `-H ${shell(`${name}: ${value}`)}`),
    `--data-raw ${shell(body)}`,
  ].join(' \\\n  ')
}

/** In single quotes, as every shell reads it. */
const shell = (text: string): string => `'${text.replaceAll("'", `'\\''`)}'`
