// A name in the letters that DNS knows (RFC 3492), label by label and without any mapping of letters. The URL parser
// would do it too, but refuses the characters that are replaced afterwards.

/** `jedinečné.router-addr` is `xn--jedinen-hya63a.router-addr`. */
export function asciiName(name: string): string {
  const labels = name.split('.').map((label) => (/^[\x00-\x7f]*$/.test(label) ? label : `xn--${punycode(label)}`))
  return labels.join('.')
}

const base = 36
const digit = (value: number) => String.fromCharCode(value < 26 ? value + 97 : value + 22)

function punycode(label: string): string {
  const points = [...label].map((char) => char.codePointAt(0)!)
  const basic = points.filter((point) => point < 0x80)
  let output = String.fromCharCode(...basic)
  if (basic.length > 0) output += '-'
  let done = basic.length
  let bias = 72
  let delta = 0
  let next = 0x80
  while (done < points.length) {
    const least = Math.min(...points.filter((point) => point >= next))
    delta += (least - next) * (done + 1)
    next = least
    for (const point of points) {
      if (point < next) delta++
      if (point !== next) continue
      output += variableLength(delta, bias)
      bias = adapt(delta, done + 1, done === basic.length)
      delta = 0
      done++
    }
    delta++
    next++
  }
  return output
}

function variableLength(delta: number, bias: number): string {
  let text = ''
  let rest = delta
  for (let k = base; ; k += base) {
    const threshold = Math.min(26, Math.max(1, k - bias))
    if (rest < threshold) return text + digit(rest)
    text += digit(threshold + ((rest - threshold) % (base - threshold)))
    rest = Math.floor((rest - threshold) / (base - threshold))
  }
}

function adapt(delta: number, points: number, first: boolean): number {
  let scaled = Math.floor(delta / (first ? 700 : 2))
  scaled += Math.floor(scaled / points)
  let k = 0
  for (; scaled > 455; k += base) scaled = Math.floor(scaled / (base - 1))
  return k + Math.floor((36 * scaled) / (scaled + 38))
}
