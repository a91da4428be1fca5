import { frame, readFrame } from '../../wire/syslog/frames.ts'
import type { Chunk } from './chunk-pool.ts'

/** A run of whole frames in one chunk that was taken for sending. */
export interface Piece {
  readonly chunk: Chunk
  from: number
  readonly to: number
  count: number
}

/** What was taken for one write, or for one request: frames in order. */
export interface Flight {
  readonly pieces: Piece[]
  messages: number
  /** Of the frames, with their octet counts. */
  bytes: number
  /** Of their messages, as far as they were taken one by one. */
  bodyBytes: number
}

/** How much to take. With `overshoot` frames are taken until there are `bytes` of messages, else no more than `bytes`. */
export interface TakeLimits {
  readonly bytes: number
  readonly messages: number
  readonly overshoot: boolean
}

/** Takes what the limits allow of a piece that came back; false when something of it stays. */
export function takePart(flight: Flight, piece: Piece, limits: TakeLimits): boolean {
  const { chunk, from, to, count } = piece
  const end = takeRun(flight, chunk, from, to, count, limits)
  piece.from = end
  piece.count -= lastTaken
  return piece.count === 0
}

/** The same of the frames that wait in a chunk. */
export function takeFrom(flight: Flight, chunk: Chunk, limits: TakeLimits): boolean {
  chunk.start = takeRun(flight, chunk, chunk.start, chunk.end, chunk.count, limits)
  chunk.count -= lastTaken
  return chunk.count === 0
}

let lastTaken = 0

/** Adds frames of `[from, to)` to the flight, which pins the chunk; answers where it stopped, and how many in `lastTaken`. */
function takeRun(flight: Flight, chunk: Chunk, from: number, to: number, count: number, limits: TakeLimits): number {
  const { bytes, messages, overshoot } = limits
  let end = to
  lastTaken = count
  if (overshoot || flight.messages + count > messages || flight.bytes + to - from > bytes)
    end = walk(flight, chunk.bytes, from, to, limits)
  if (lastTaken === 0) return from
  chunk.pins++
  flight.pieces.push({ chunk, from, to: end, count: lastTaken })
  flight.messages += lastTaken
  flight.bytes += end - from
  return end
}

/** Steps over as many frames as the limits allow. */
function walk(flight: Flight, chunk: Buffer, from: number, to: number, limits: TakeLimits): number {
  let pos = from
  let taken = 0
  let bodies = flight.bodyBytes
  while (pos < to && flight.messages + taken < limits.messages) {
    if (limits.overshoot && bodies >= limits.bytes) break
    const next = readFrame(chunk, pos, to)
    if (next < 0) break
    if (!limits.overshoot && flight.messages + taken > 0 && flight.bytes + next - from > limits.bytes) break
    bodies += frame.end - frame.start
    pos = next
    taken++
  }
  lastTaken = taken
  flight.bodyBytes = bodies
  return pos
}

/** Steps over `count` frames; answers where that ends. */
export function skipFrames(bytes: Buffer, from: number, to: number, count: number): number {
  let pos = from
  for (let i = 0; i < count; i++) {
    const next = readFrame(bytes, pos, to)
    if (next < 0) return to
    pos = next
  }
  return pos
}

/** How many frames stand in `[from, to)`. */
export function framesIn(bytes: Buffer, from: number, to: number): number {
  let count = 0
  for (let pos = from; pos < to; pos = frame.end) {
    if (readFrame(bytes, pos, to) < 0) break
    count++
  }
  return count
}
