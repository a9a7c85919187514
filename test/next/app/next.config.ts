import { join } from 'node:path'
import type { NextConfig } from 'next'

// The workspace's root, where next and react are installed.
const root = join(import.meta.dirname, '../../..')

const config: NextConfig = { outputFileTracingRoot: root, turbopack: { root } }

export default config
