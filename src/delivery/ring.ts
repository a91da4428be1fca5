/** A ring that grew beyond this lets go of its slots when it is empty. */
const keptSlots = 1024

/** A queue in a circle: constant time at both ends, where `array.shift()` moves everything. Grows by doubling. */
export class Ring<T> {
  length = 0
  private slots: (T | undefined)[] = new Array(16).fill(undefined)
  private at = 0

  get first(): T | undefined {
    return this.slots[this.at]
  }

  get last(): T | undefined {
    return this.length > 0 ? this.get(this.length - 1) : undefined
  }

  get(i: number): T | undefined {
    return this.slots[(this.at + i) & (this.slots.length - 1)]
  }

  push(item: T): void {
    if (this.length === this.slots.length) this.grow()
    this.slots[(this.at + this.length++) & (this.slots.length - 1)] = item
  }

  unshift(item: T): void {
    if (this.length === this.slots.length) this.grow()
    this.at = (this.at - 1) & (this.slots.length - 1)
    this.slots[this.at] = item
    this.length++
  }

  shift(): T | undefined {
    const item = this.slots[this.at]
    if (this.length === 0) return undefined
    this.slots[this.at] = undefined
    this.at = (this.at + 1) & (this.slots.length - 1)
    if (--this.length === 0 && this.slots.length > keptSlots) this.slots = new Array(16).fill(undefined)
    return item
  }

  pop(): T | undefined {
    if (this.length === 0) return undefined
    const i = (this.at + --this.length) & (this.slots.length - 1)
    const item = this.slots[i]
    this.slots[i] = undefined
    return item
  }

  private grow(): void {
    const { length, slots, at } = this
    const wider: (T | undefined)[] = new Array(length * 2).fill(undefined)
    for (let i = 0; i < length; i++) wider[i] = slots[(at + i) & (slots.length - 1)]
    this.slots = wider
    this.at = 0
  }
}
