const pieces =
  /(\\(?:x[0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|c[A-Za-z]|k<\w+>|[\s\S])|\[(?:\\[\s\S]|[^\]\\])*\]|\((?:\?(?:<?[=!]|<\w+>|[a-z]*(?:-[a-z]+)?:))?|[\s\S])([*+]|\{\d+(?:,\d*)?\})?/g

/** Nothing, or what matches nowhere: behind the end of the text there is no character, also where `$` matches at lines. */
const choice = '(?:|(?-m:$)[^])'

/**
 * The same pattern of JavaScript with loops that V8 counts. It goes back through a loop over one character, or over a group
 * of fixed length, without counting its steps: in `\s+$` they grow with the square of the text, and no bound holds
 * (config/bounded-regex.ts). With a choice in it the loop is counted, at up to twice the time. The second choice always
 * fails: if it matched, what follows would be tried once more for each step, and time doubled with each.
 */
export function countedLoops(pattern: string): string {
  return pattern.replace(pieces, (all, atom: string, loop: string | undefined) => {
    if (loop === undefined) return all
    return atom === ')' ? `${choice})${loop}` : `(?:${atom}${choice})${loop}`
  })
}
