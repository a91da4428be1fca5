/** `https://*.example.com`: whether a text is that, in any letter case, with `*` for any run of characters. */
export function wildcard(pattern: string): (text: string) => boolean {
  const parts = pattern.toLowerCase().split('*')
  const last = parts.length - 1
  return (text) => {
    const lower = text.toLowerCase()
    if (last === 0) return lower === parts[0]
    if (!lower.startsWith(parts[0]!)) return false
    let at = parts[0]!.length
    for (let i = 1; i < last; i++) {
      const found = lower.indexOf(parts[i]!, at)
      if (found < 0) return false
      at = found + parts[i]!.length
    }
    return lower.length - parts[last]!.length >= at && lower.endsWith(parts[last]!)
  }
}
