import { connect } from 'node:net'
import { expect, onTestFinished, test } from 'vitest'
import { silentLog } from '../runtime/log.ts'
import { newHttpServer } from './http-server.ts'
import { restOfTurn } from './rest-of-turn.ts'

test('a request of many small chunks arrives whole, what one read has brought in each turn', async () => {
  let [all, inTurn, most, isHeld] = [0, 0, 0, false]
  const server = newHttpServer({
    endpoint: { host: '127.0.0.1', port: 0 },
    routes: {
      '/': (request, response) => {
        request.on('data', () => {
          all++
          if (inTurn++ === 0)
            setImmediate(() => {
              most = Math.max(most, inTurn)
              inTurn = 0
            })
          if (isHeld) return
          isHeld = true
          restOfTurn(request.socket, () => {
            isHeld = false
          })
        })
        request.on('end', () => void response.end('done'))
      },
    },
    log: silentLog,
  })
  const { port } = await server.start()
  onTestFinished(() => server.stop(AbortSignal.abort()))
  const socket = connect(port, '127.0.0.1')
  const answered = new Promise((resolve) => socket.once('data', resolve))
  const chunk = '1\r\nx\r\n'
  socket.write('POST / HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n')
  socket.write(`${chunk.repeat(100_000)}0\r\n\r\n`)
  expect(String(await answered)).toContain('200 OK')
  socket.destroy()
  expect(all).toBe(100_000)
  // One beside: a chunk that the end of the last read had cut.
  expect(most).toBeLessThanOrEqual((64 << 10) / chunk.length + 1)
})
