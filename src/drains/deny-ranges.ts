import { ipBytes } from './ip-bytes.ts'

/** Addresses that drains must not reach. */
export interface DenyRanges {
  /** Whether an address (text, IPv4 or IPv6) is in a range. What is no address is denied. */
  denies(ip: string): boolean
  readonly isEmpty: boolean
}

interface Range {
  readonly first: Buffer
  readonly last: Buffer
}

/**
 * Reads `10.0.0.5-10.0.0.9,169.254.0.0/16`: ranges with both ends, or CIDR blocks; empty: nothing is denied. Throws in the
 * wording of the original.
 */
export function parseDenyRanges(text: string): DenyRanges {
  const ranges = text
    .split(',')
    .map((item) => item.trim())
    .filter((item) => item !== '')
    .map(parseRange)
  const inRange = (ip: Buffer) =>
    ranges.some(({ first, last }) => Buffer.compare(first, ip) <= 0 && Buffer.compare(ip, last) <= 0)
  return {
    isEmpty: ranges.length === 0,
    denies(ip) {
      if (ranges.length === 0) return false
      const bytes = ipBytes(ip)
      return !bytes || meanings(bytes).some(inRange)
    },
  }
}

function parseRange(item: string): Range {
  const block = /^([^/-]+)\/(\d{1,3})$/.exec(item)
  if (block) return parseBlock(item, block[1]!, Number(block[2]))
  const ends = item.split('-')
  if (ends.length !== 2) throw new Error(`invalid BlacklistRange: ${item}`)
  const [first, last] = ends.map((end) => ipBytes(end.trim()) ?? noAddress(end)) as [Buffer, Buffer]
  if (Buffer.compare(first, last) > 0)
    throw new Error(`invalid Blacklist IP Range: Start ${ends[0]} has to be before End ${ends[1]}`)
  return { first, last }
}

function parseBlock(item: string, ip: string, bits: number): Range {
  const address = ipBytes(ip) ?? noAddress(ip)
  const own = ip.includes(':') ? 0 : 96
  if (bits > 128 - own) throw new Error(`invalid BlacklistRange: ${item}`)
  const first = Buffer.from(address)
  const last = Buffer.from(address)
  for (let bit = own + bits; bit < 128; bit++) {
    first[bit >> 3]! &= ~(0x80 >> (bit & 7))
    last[bit >> 3]! |= 0x80 >> (bit & 7)
  }
  return { first, last }
}

function noAddress(text: string): never {
  throw new Error(`invalid IP Address for Blacklist IP Range: ${text}`)
}

const v4Prefix = ipBytes('::ffff:0.0.0.0')!.subarray(0, 12)
const nat64Prefix = ipBytes('64:ff9b::')!.subarray(0, 12)
const zeros = Buffer.alloc(12)
const loopbacks = [ipBytes('127.0.0.1')!, ipBytes('::1')!]
const anywhere = [ipBytes('0.0.0.0')!, ipBytes('::')!]

/** The addresses that dialling one of them reaches: 0.0.0.0 is this machine, and IPv4 hides in some IPv6 prefixes. */
function meanings(ip: Buffer): Buffer[] {
  const head = ip.subarray(0, 12)
  if (anywhere.some((address) => address.equals(ip))) return [ip, ...loopbacks]
  if (head.equals(nat64Prefix) || head.equals(zeros)) return [ip, Buffer.concat([v4Prefix, ip.subarray(12)])]
  return [ip]
}
