import { hash } from 'node:crypto'
import { Dropped, type SendResult } from '../../delivery/sender.ts'
import type { Memory } from '../../net/memory.ts'
import type { Batch } from '../../plugin.ts'
import type { WritePiece } from '../../wire/prometheus/remote-write.ts'

interface Written {
  /** Points that no line could be made of, and why. */
  readonly lost: number
  readonly why: string
  /** What the requests are charged to as long as they are here. */
  readonly memory: Memory
}

/** A batch through all of its attempts: the requests that are left to be sent, and what became of the others. */
export class RemoteWork {
  readonly pieces: Set<WritePiece>
  sent = 0
  rejected: number
  detail: string | undefined
  private refusal: Dropped | undefined
  private readonly count: number
  /** Between two attempts the hash of it alone: the one that is repeated is a copy. */
  private of: Batch | string
  private readonly memory: Memory

  constructor(batch: Batch, pieces: readonly WritePiece[], { lost, why, memory }: Written) {
    this.pieces = new Set(pieces)
    this.rejected = lost
    this.detail = lost > 0 ? why : undefined
    this.count = batch.count
    this.of = batch
    this.memory = memory
    for (const { body } of pieces) memory.take(body.length)
  }

  isOf(batch: Batch): boolean {
    return this.of === batch || keyOf(this.of) === keyOf(batch)
  }

  /** The attempt under way has failed. */
  pause(): void {
    this.of = keyOf(this.of)
  }

  took(piece: WritePiece): void {
    if (this.done(piece)) this.sent += piece.points
  }

  /** For good. */
  refused(piece: WritePiece, why: Error): void {
    if (!this.done(piece) || !(why instanceof Dropped) || piece.isMetadata) return
    this.rejected += piece.points
    this.refusal = why
    this.detail = why.message
  }

  /** Nothing more of it is sent. */
  end(): void {
    for (const piece of this.pieces) this.done(piece)
  }

  /** Of a batch that was sent to its end. */
  result(): SendResult {
    const { sent, refusal, detail } = this
    if (refusal && sent === 0) throw refusal
    return { sent, rejected: this.count - sent, ...(detail !== undefined && { detail }) }
  }

  private done(piece: WritePiece): boolean {
    if (!this.pieces.delete(piece)) return false
    this.memory.give(piece.body.length)
    return true
  }
}

const keyOf = (of: Batch | string): string => (typeof of === 'string' ? of : hash('sha1', of.bytes()))
