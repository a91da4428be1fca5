import type { IncomingMessage } from 'node:http'
import { restOfTurn } from '../../net/rest-of-turn.ts'
import { TinyPieces } from '../../net/tiny-pieces.ts'
import type { Clock } from '../../runtime/clock.ts'

/**
 * A chunk costs a microsecond, whatever is in it. Encoders that stream JSON token by token make some 200,000 chunks of three
 * bytes a second (Python): a burst of a megabyte of them is taken, a little at a time.
 */
const lookedAtPieces = 1 << 19
const piecesPerTurn = 1024

/** Lets others have their turn between the pieces of a body; ends its connection when they are a flood, and calls back. */
export function weighPieces(request: IncomingMessage, clock: Clock, onFlood: () => void): void {
  const { socket } = request
  const pieces = new TinyPieces(clock, lookedAtPieces)
  let inTurn = 0
  const nextTurn = () => {
    inTurn = 0
  }
  request.on('data', (piece: Buffer) => {
    if (socket.destroyed) return
    if (pieces.isFlood(piece.length)) {
      socket.destroy()
      onFlood()
    } else if (++inTurn === piecesPerTurn) restOfTurn(socket, nextTurn)
  })
}
