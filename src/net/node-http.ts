/**
 * `node:http`, asked for in a way that loads no more than that. An import by name reads every export of the module once,
 * `WebSocket` among them, and with it comes undici: 16 MB that nobody uses.
 */
const http: typeof import('node:http') = process.getBuiltinModule('node:http')

export const { Agent, createServer, request } = http
