import { ManualClock } from '../runtime/clock.ts'
import type { Faults, SimulatedDisk } from './simulated-disk.fixture.ts'
import type { Spool, SpoolRecord } from './spool.ts'
import { type Loss, openForTest, settled } from './spool-kit.fixture.ts'

/** One thing that happens to a queue; `n` chooses among what is possible. */
export interface Step {
  do: 'append' | 'take' | 'read' | 'finish' | 'endSync' | 'advance' | 'drop' | 'rewind' | 'save'
  n: number
}

/** The time between an opening and a death. */
export interface Life {
  steps: readonly Step[]
  /** The operation of the disk, counted from the opening on, in which the process dies; past the steps: it dies at rest. */
  dieAt: number
  end: 'kill' | 'power cut' | 'close'
  faults: Faults
}

interface Entry {
  readonly id: number
  readonly payload: Buffer
  readonly count: number
  sequence: number
  /** Must be there after the next opening. */
  required: boolean
  /** A power cut cannot lose it. */
  synced: boolean
  doubtful: boolean
  finished: boolean
  /** In this life. */
  finishedNow: boolean
  /** Given in this life. */
  given: boolean
}

/** Plays lives over one disk and knows what must be there afterwards. Throws on any breach. */
export class SpoolModel {
  disk: SimulatedDisk
  readonly entries: Entry[] = []
  /** Records of all lives whose loss was told. */
  told = 0
  readonly losses: Loss[] = []
  private readonly maxLossMs: number
  private readonly clock = new ManualClock()
  private spool!: Spool
  private tally = 0
  private lastGiven = -1
  /** Anything may have been damaged by a power cut or a fault. */
  private damaged = false
  private highest = 0
  /** Finished in lives that all came to an orderly end, up to this one. */
  private orderly = new Set<Entry>()

  constructor(disk: SimulatedDisk, maxLossMs: number) {
    this.disk = disk
    this.maxLossMs = maxLossMs
  }

  async live({ steps, dieAt, end, faults }: Life): Promise<void> {
    const { disk } = this
    disk.stopAt = disk.operations + dieAt
    try {
      if (await this.open()) {
        disk.faults = faults
        if (faults.write || faults.sync) this.damaged = true
        for (const step of steps) {
          if (disk.dead) break
          await this.step(step)
          if (!disk.dead) this.checkTally()
        }
        const before = this.orderly
        this.orderly = new Set()
        if (end === 'close' && !disk.dead) await this.close()
        if (end === 'close' && !disk.dead) {
          this.orderly = before.union(new Set(this.entries.filter(({ finishedNow }) => finishedNow)))
        }
      }
    } finally {
      disk.dead = true
    }
    // The process may have died before it heard of the failure.
    if (disk.failedSyncs > 0) for (const entry of this.entries) entry.doubtful ||= !entry.synced
    const cut = end === 'power cut'
    this.disk = disk.reboot(cut)
    if (!cut) return
    this.damaged = true
    for (const entry of this.entries) if (!entry.synced) entry.required = false
  }

  /** Opens once more, on a disk that works, and reads to the end: what must be there is there, whole and in order. */
  async check(): Promise<void> {
    if (!(await this.open())) throw new Error('it does not open on a disk that works')
    for (let some = await this.spool.read(200); some.length > 0; some = await this.spool.read(200)) this.gave(some)
    const missing = this.entries.filter(({ required, finished, given }) => required && !finished && !given)
    if (missing.length > 0) {
      throw new Error(`lost: ${missing.map(({ id, sequence }) => `${id} (sequence ${sequence})`).join(', ')}`)
    }
    for (const entry of this.entries) if (entry.given) this.finish(entry)
    this.checkTally()
    const { records, batches } = this.spool
    if (records !== 0 || batches !== 0) throw new Error(`after everything: ${records} records, ${batches} batches`)
    const corrupt = this.losses.filter(({ loss }) => loss === 'corrupt')
    if (!this.damaged && corrupt.length > 0) throw new Error(`told of damage: ${JSON.stringify(corrupt)}`)
    await this.close()
    const left = this.disk.paths().filter((path) => path.endsWith('.batches'))
    if (left.length > 0) throw new Error(`files are left over: ${left}`)
  }

  private async open(): Promise<boolean> {
    this.lastGiven = -1
    for (const entry of this.entries) entry.given = entry.finishedNow = false
    try {
      const opened = await this.opening()
      this.spool = opened.spool
      this.losses.length = 0
      opened.losses.push = (...losses: Loss[]) => {
        for (const loss of losses) {
          this.losses.push(loss)
          this.tally -= loss.records
        }
        return 0
      }
    } catch (error) {
      if (this.disk.dead) return false
      throw error
    }
    this.tally = this.spool.recovered.records
    const found = [...this.entries]
    this.spool.whenSynced(this.highest).then(
      () => {
        for (const entry of found) entry.synced ||= !entry.doubtful
      },
      () => {},
    )
    return true
  }

  /** Syncs end by themselves while the queue opens: it waits for them. */
  private async opening() {
    const { disk, clock, maxLossMs } = this
    let open = true
    const opening = openForTest({ folder: '/queue', disk, clock, maxLossMs, segmentBytes: 500 }).finally(() => {
      open = false
    })
    opening.catch(() => {})
    while (open && !disk.dead) {
      await settled()
      disk.endSync()
    }
    if (disk.dead) throw new Error('dead')
    return opening
  }

  private async step({ do: what, n }: Step): Promise<void> {
    const { disk, spool } = this
    if (what === 'append' || what === 'take') this.append(n, what === 'take')
    else if (what === 'read') this.gave(await spool.read(1 + (n % 300)).catch(this.unlessBroken))
    else if (what === 'finish') {
      const given = this.entries.filter(({ given, finishedNow }) => given && !finishedNow)
      if (given.length > 0) this.finish(given[n % given.length]!)
    } else if (what === 'endSync') disk.endSync(n % Math.max(1, disk.syncing.length))
    else if (what === 'advance') {
      this.clock.advance(n % 700)
      for (const fn of disk.soon.splice(0)) if (!disk.dead) fn()
    } else if (what === 'drop') this.drop()
    else if (what === 'rewind') this.rewind()
    else void spool.saveFinished()
    await settled()
  }

  private append(n: number, take: boolean): void {
    const id = this.entries.length
    const payload = this.payloadFor(id, n)
    const count = 1 + (n % 5)
    let sequence: number
    try {
      sequence = this.spool.append(payload, count, 'logs')
    } catch {
      // Its sender repeats it: it may not be in the queue.
      if (!this.disk.dead) return
      this.entries.push(entryOf(id, payload, count, -1, false))
      return
    }
    if (sequence <= this.highest && !this.damaged) throw new Error(`sequence ${sequence} was given before`)
    this.highest = Math.max(this.highest, sequence)
    this.tally += count
    const entry = entryOf(id, payload, count, sequence, true)
    this.entries.push(entry)
    this.spool.whenSynced(sequence).then(
      () => {
        if (!entry.doubtful) entry.synced = true
      },
      () => {
        entry.doubtful = true
      },
    )
    if (take && this.spool.took(sequence)) {
      entry.given = true
      this.lastGiven = id
    }
  }

  /** Now and then with bytes in it that look like those of the queue itself. */
  private payloadFor(id: number, n: number): Buffer {
    const body = Buffer.alloc(n % 90, 0x30 + (n % 70))
    const [first] = this.disk.paths().filter((path) => path.endsWith('.batches'))
    const disguise = n % 7 === 0 && first ? this.disk.file(first).subarray(0, 300) : Buffer.alloc(0)
    return Buffer.concat([Buffer.from(`${id}:`), body, disguise])
  }

  private gave(records: readonly SpoolRecord[]): void {
    for (const { payload, count, sequence, format } of records) {
      const id = Number.parseInt(payload.toString('latin1'), 10)
      const entry = this.entries[id]
      if (!entry?.payload.equals(payload) || entry.count !== count || format !== 'logs') {
        throw new Error(`damaged: ${sequence} ${payload.toString('latin1')}`)
      }
      if (this.orderly.has(entry) && !this.damaged) throw new Error(`${id} came again after an orderly end`)
      if (entry.finishedNow) throw new Error(`${id} came again after it was finished`)
      if (id <= this.lastGiven) throw new Error(`order: ${id} came after ${this.lastGiven}`)
      this.lastGiven = id
      entry.given = true
      entry.sequence = sequence
    }
  }

  private finish(entry: Entry): void {
    this.spool.finish(entry.sequence)
    entry.finished = entry.finishedNow = true
    this.tally -= entry.count
  }

  /** What goes with a segment need not be there any more, given or not. */
  private drop(): void {
    const before = this.spool.unread
    if (this.spool.dropOldest() === undefined) return
    const dropped = before - this.spool.unread
    const live = this.entries.filter(({ finished, required }) => required && !finished)
    for (const entry of live.filter(({ given }) => given)) entry.required = false
    for (const entry of live.filter(({ given }) => !given).slice(0, dropped)) entry.required = false
  }

  private rewind(): void {
    if (!this.spool.rewind()) return
    this.lastGiven = -1
    for (const entry of this.entries) entry.given &&= entry.finishedNow
  }

  private async close(): Promise<void> {
    let open = true
    const closing = this.spool.close().finally(() => {
      open = false
    })
    closing.catch(() => {})
    while (open && !this.disk.dead) {
      await settled()
      this.disk.endSync()
    }
    if (!this.disk.dead) await closing
  }

  private checkTally(): void {
    if (this.spool.records === this.tally) return
    throw new Error(`${this.spool.records} records in the queue; taken less finished less lost is ${this.tally}`)
  }

  private unlessBroken = (error: unknown): SpoolRecord[] => {
    if (this.disk.dead || this.disk.faults.read) return []
    throw error
  }
}

function entryOf(id: number, payload: Buffer, count: number, sequence: number, required: boolean): Entry {
  return {
    id,
    payload,
    count,
    sequence,
    required,
    synced: false,
    doubtful: false,
    finished: false,
    finishedNow: false,
    given: false,
  }
}
