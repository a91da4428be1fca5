import { isIP } from 'node:net'

/** The 16 bytes of an IP address, IPv4 as `::ffff:a.b.c.d`; undefined for what is none (zones are none). */
export function ipBytes(text: string): Buffer | undefined {
  const version = text.includes('%') ? 0 : isIP(text)
  if (version === 0) return undefined
  const out = Buffer.alloc(16)
  if (version === 4) {
    out.fill(0xff, 10, 12)
    writeV4(out, text)
    return out
  }
  // An IPv4 tail takes the place of two groups.
  const tail = text.slice(text.lastIndexOf(':') + 1)
  const dotted = tail.includes('.')
  const plain = dotted ? `${text.slice(0, -tail.length)}0:0` : text
  const [head = '', back] = plain.split('::')
  writeGroups(out, 0, groups(head))
  if (back !== undefined) writeGroups(out, 16 - 2 * groups(back).length, groups(back))
  if (dotted) writeV4(out, tail)
  return out
}

const groups = (text: string): number[] => (text ? text.split(':').map((group) => Number.parseInt(group, 16)) : [])

function writeGroups(out: Buffer, at: number, list: readonly number[]): void {
  for (const [i, group] of list.entries()) out.writeUInt16BE(group, at + 2 * i)
}

function writeV4(out: Buffer, text: string): void {
  for (const [i, part] of text.split('.').entries()) out[12 + i] = Number(part)
}
