/** What stands where a secret stood. */
export const mask = '****'

/** Names whose values are secrets, as words of their own. */
const words =
  'pass(?:word|wd|phrase)?|pwd|passcode|secret|token|api[-_ ]?key|access[-_ ]?key|account[-_ ]?key|private[-_ ]?key|' +
  'credentials?|authorization|cookie|session[-_ ]?id|signature|sig|jwt|otp'
/** The same, with those that mean it also at the end of another word: `dbpassword`. */
const names = `(?:(?:^|[^a-z])(?:${words})|password|passwd|passphrase|secret|token|apikey)s?`
const schemes = '(?:bearer|basic|digest|negotiate|apikey)'

const secretName = new RegExp(`${names}$`, 'i')

/** Whether a field of this name holds a secret: `password`, `X-Auth-Token`, `clientSecret`, `AWS_SECRET_ACCESS_KEY`. */
export const isSecretName = (name: string): boolean =>
  secretName.test(name.slice(-128).replace(/([a-z])([A-Z])/g, '$1_$2'))

const quotedOrWord =
  `(?:"(?:[^"\\\\]|\\\\.){0,2000}(?:"|$)|'(?:[^'\\\\]|\\\\.){0,2000}(?:'|$)|` +
  `(?:${schemes}\\s{1,4})?[^\\s"',;&)\\]}>]{1,2000})`

/** In the order in which they are looked for. What repeats is bounded, so that each takes time linear in the text. */
const rules: readonly (readonly [RegExp, string])[] = [
  [/-----BEGIN [A-Z ]{0,40}PRIVATE KEY-----[\s\S]*?(?:-----END [A-Z ]{0,40}PRIVATE KEY-----|$)/g, mask],
  [/([a-z][a-z0-9+.-]{0,30}:\/\/)[^\s/?#@"'<>]{1,512}@/gi, `$1${mask}@`],
  // Where the text was cut in the middle of a password.
  [/([a-z][a-z0-9+.-]{0,30}:\/\/)[^\s/?#@:"'<>]{1,256}:(?!\d{0,5}$)[^\s/?#@"'<>]{1,512}$/i, `$1${mask}@`],
  [new RegExp(`\\b(${schemes})(\\s{1,4})[\\w.~+/=-]{6,}`, 'gi'), `$1$2${mask}`],
  // `password=x`, `"token": "x y"`, `secret => x`, `?sig=x`.
  [new RegExp(`(${names}(?:[-_.][a-z0-9]{1,16})?["']?\\s{0,3}(?:=>|[:=])\\s{0,3})${quotedOrWord}`, 'gi'), `$1${mask}`],
  // `--password x`.
  [new RegExp(`(--?[a-z-]{0,20}(?:${words})\\s{1,3})[^\\s-]\\S{0,500}`, 'gi'), `$1${mask}`],
  // Tokens that are known by their looks: JWT, AWS, GitHub, Slack, Google, Stripe, GitLab.
  [/\beyJ[\w-]{8,}(?:\.[\w-]*){0,4}/g, mask],
  [/\b(?:AKIA|ASIA)[0-9A-Z]{12,}/g, mask],
  [/\b(?:gh[opusr]_|github_pat_|xox[abeprs]-|AIza|sk_live_|rk_live_|glpat-)[\w-]{8,}/g, mask],
]

/** Most lines hold nothing of this, and then nothing can match. */
const suspect = new RegExp(
  `${words}|://|${schemes}|BEGIN |eyJ|AKIA|ASIA|gh[opusr]_|github_pat|xox|AIza|k_live_|glpat`,
  'i',
)

/**
 * The text with what looks like a secret masked: bearer tokens, passwords, keys, user info of URLs, private keys, tokens
 * of well-known makers. A help against accidents, not a proof: a secret that looks like any word stays.
 */
export function maskSecrets(text: string): string {
  if (!suspect.test(text)) return text
  let masked = text
  for (const [pattern, by] of rules) masked = masked.replace(pattern, by)
  return masked
}
