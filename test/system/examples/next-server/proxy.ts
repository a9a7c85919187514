import { type NextRequest, NextResponse } from 'next/server'

// every request passes it; one address is another name of the endpoint
export function proxy(request: NextRequest): NextResponse {
  const url = request.nextUrl.clone()
  if (url.pathname !== '/api/behind') return NextResponse.next()
  url.pathname = '/api/source'
  return NextResponse.rewrite(url)
}
