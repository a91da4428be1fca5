import type { Clock, Log } from '../../plugin.ts'
import type { CheckpointDisk } from './checkpoint-disk.ts'
import type { Mark } from './settlement.ts'
import type { Head, Tail } from './tail.ts'

/** A file as it was known when the process ended. */
export interface Saved {
  readonly id: number
  readonly path: string
  readonly dev: number
  readonly ino: number
  readonly head: Head
  readonly since: number
  readonly mark: Mark
  /** It was read to its end and let go of. */
  readonly isOver: boolean
}

const version = 1
const header = JSON.stringify({ tailrace: 'filelog checkpoints', version })
/** The file is written anew when what was appended passes this, and twice what is worth keeping. */
const leastRewrite = 1 << 20
const retryMs = 1000
const mostAbsent = 10_000

/**
 * How far each file was delivered: a list of all, then a line for every move. Lines are appended as soon as something
 * was settled, so that a kill repeats nothing that was.
 */
export class Checkpoints {
  private readonly disk: CheckpointDisk
  private readonly path: string
  private readonly log: Log
  private readonly clock: Clock
  private readonly tails = new Map<number, Tail>()
  /** Files that were not found again: their folder may not be mounted yet. */
  private absent: readonly Saved[] = []
  private isOpen = false
  private pending: string[] = []
  private size = 0
  private wholeSize = 0
  private isWhole = false
  private failedAt = Number.NEGATIVE_INFINITY
  private isFailing = false
  failures = 0

  constructor(disk: CheckpointDisk, path: string, log: Log, clock: Clock) {
    this.disk = disk
    this.path = path
    this.log = log
    this.clock = clock
  }

  /** What was saved. A file that cannot be read is put aside, with a warning. */
  load(): Saved[] {
    let text: string | undefined
    try {
      text = this.disk.read()
    } catch (error) {
      this.log.warn(`checkpoints in ${this.path} cannot be read (${(error as Error).message}): files begin by start_at`)
      return []
    }
    if (text === undefined) return []
    try {
      return parse(text)
    } catch (error) {
      const fault = (error as Error).message
      let aside = ''
      try {
        aside = `; it was kept as ${this.disk.putAside()}`
      } catch {}
      this.log.warn(`checkpoints in ${this.path} are damaged (${fault}): files begin by start_at${aside}`)
      return []
    }
  }

  /** From now on it writes. `absent`: what was saved and is not in use. */
  open(absent: readonly Saved[]): void {
    this.absent = absent.slice(-mostAbsent)
    this.isOpen = true
    this.commit()
  }

  /** Keeps this file, as it is now. */
  put(tail: Tail): void {
    this.tails.set(tail.id, tail)
    this.pending.push(lineOf(tail))
  }

  /** Its settled place has moved. */
  move({ id, settlement: { mark } }: Tail): void {
    if (!this.tails.has(id)) return
    this.pending.push(`["m",${id},${mark.offset},${mark.lapSize},${mark.lapSum},${mark.skips ? 1 : 0}]\n`)
  }

  drop({ id }: Tail): void {
    if (this.tails.delete(id)) this.pending.push(`["d",${id}]\n`)
  }

  /** Writes what has come; a disk that fails is tried again by later calls, a second apart. */
  commit(isLast = false): void {
    if (!this.isOpen || (this.pending.length === 0 && !this.isFailing)) return
    const now = this.clock.monotonic()
    if (this.isFailing && now - this.failedAt < retryMs && !isLast) {
      // The next writing is of the whole.
      this.pending.length = 0
      return
    }
    try {
      this.write()
      if (this.isFailing) this.log.info('checkpoints are written again', { file: this.path })
      this.isFailing = false
    } catch (error) {
      this.failures++
      this.isWhole = false
      this.failedAt = now
      if (!this.isFailing)
        this.log.warn(
          `checkpoints cannot be written to ${this.path} (${(error as Error).message}): reading goes on, but a restart now would repeat what was delivered since`,
        )
      this.isFailing = true
    }
    this.pending.length = 0
  }

  close(): void {
    this.commit(true)
    this.disk.close()
  }

  private write(): void {
    const text = this.pending.join('')
    if (this.isWhole && this.size + text.length < Math.max(leastRewrite, 3 * this.wholeSize)) {
      this.disk.append(text)
      this.size += text.length
      return
    }
    this.isWhole = false
    let whole = `${header}\n`
    for (const saved of this.absent) whole += savedLine(saved)
    for (const tail of this.tails.values()) whole += lineOf(tail)
    this.disk.replace(whole)
    this.isWhole = true
    this.size = this.wholeSize = whole.length
  }
}

/** `["f", id, path, dev, ino, head size, head sum, since, over, offset, lap size, lap sum, skips]` */
function savedLine({ id, path, dev, ino, head, since, isOver, mark }: Saved): string {
  const { offset, lapSize, lapSum, skips } = mark
  const file = [id, path, dev, ino, head.size, head.sum, since, isOver ? 1 : 0]
  return `${JSON.stringify(['f', ...file, offset, lapSize, lapSum, skips ? 1 : 0])}\n`
}

const lineOf = (tail: Tail) => savedLine({ ...tail, mark: tail.settlement.mark })

/** Throws what is wrong. A last line without its end was torn by a power cut or a full disk and is left out. */
function parse(text: string): Saved[] {
  const lines = text.split('\n')
  lines.pop()
  const [first = '', ...rest] = lines
  const head = first === header ? { version } : JSON.parse(first || 'null')
  if (head?.version !== version)
    throw new Error(head?.version > version ? `it is of a newer version, ${head.version}` : 'it has another beginning')
  const all = new Map<number, Saved>()
  for (const [i, line] of rest.entries()) {
    try {
      apply(JSON.parse(line), all)
    } catch {
      throw new Error(`line ${i + 2} is none of a list`)
    }
  }
  return [...all.values()]
}

/** One line of the list. Throws when it is none. */
function apply(entry: unknown, all: Map<number, Saved>): void {
  const [kind, id, ...rest] = entry as [string, number, ...unknown[]]
  const path = kind === 'f' ? rest.shift() : undefined
  const numbers = rest as number[]
  if (![id, ...numbers].every((each) => Number.isFinite(each) && each >= 0)) throw new Error()
  const known = all.get(id)
  if (kind === 'f' && typeof path === 'string' && numbers.length === 10) all.set(id, fileOf(id, path, numbers))
  else if (kind === 'd') all.delete(id)
  else if (kind === 'm' && numbers.length === 4 && known) all.set(id, { ...known, mark: markOf(numbers) })
  else throw new Error()
}

function fileOf(id: number, path: string, numbers: readonly number[]): Saved {
  const [dev, ino, size, sum, since, over] = numbers as [number, number, number, number, number, number]
  return { id, path, dev, ino, head: { size, sum }, since, mark: markOf(numbers.slice(6)), isOver: over === 1 }
}

function markOf(numbers: readonly number[]): Mark {
  const [offset, lapSize, lapSum, skips] = numbers as [number, number, number, number]
  return { offset, lapSize, lapSum, skips: skips === 1 }
}
