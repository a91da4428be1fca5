/** Lines of `text` without the empty ones. */
export const lines = (text: string): string[] => text.split('\n').filter((line) => line !== '')

/** Words of a line. */
export const words = (line: string): string[] => line.trim().split(/\s+/)

/** A counter; NaN for what is none, which no metric takes. */
export const whole = (word: string | undefined): number => (/^\d+$/.test(word ?? '') ? Number(word) : Number.NaN)

/** `Name:   17 kB` of /proc/meminfo as bytes by name. */
export function kilobytes(text: string): Map<string, number> {
  const found = new Map<string, number>()
  for (const line of lines(text)) {
    const match = /^([^:]+):\s+(\d+)(\s+kB)?/.exec(line)
    if (match) found.set(match[1]!, Number(match[2]) * (match[3] ? 1024 : 1))
  }
  return found
}

/** `name 17` of /proc/vmstat by name. */
export function named(text: string): Map<string, number> {
  return new Map(
    lines(text).map((line) => {
      const [name, value] = words(line)
      return [name!, whole(value)]
    }),
  )
}

/** Octal escapes of mount tables: `\040` is a space. */
export const unescaped = (word: string): string =>
  word.replace(/\\([0-7]{3})/g, (_, digits) => String.fromCharCode(Number.parseInt(digits, 8)))
