export default { basePath: '/shop', experimental: { proxyClientMaxBodySize: '10mb' } }
