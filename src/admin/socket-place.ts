import { lstatSync, mkdirSync, readdirSync, readlinkSync, realpathSync, type Stats, statSync } from 'node:fs'
import { basename, dirname, join, resolve } from 'node:path'

/** The part of the environment that says where sockets belong. */
export interface Surroundings {
  readonly env: Readonly<Record<string, string | undefined>>
  readonly uid: number
}

export const surroundings = (): Surroundings => ({ env: process.env, uid: process.getuid?.() ?? -1 })

/** The folder for sockets of agents of this user: where systemd says, where the session says, or `/run` for root. */
export function defaultFolder({ env, uid }: Surroundings): string | undefined {
  const [systemd] = (env.RUNTIME_DIRECTORY ?? '').split(':')
  if (systemd) return systemd
  if (env.XDG_RUNTIME_DIR) return join(env.XDG_RUNTIME_DIR, 'tailrace')
  return uid === 0 ? '/run/tailrace' : undefined
}

/** Every folder in which agents may have their sockets, for those who look for them. */
export function likelyFolders({ env }: Surroundings): string[] {
  const own = env.XDG_RUNTIME_DIR ? [join(env.XDG_RUNTIME_DIR, 'tailrace')] : []
  const [systemd] = (env.RUNTIME_DIRECTORY ?? '').split(':')
  return [...new Set([...(systemd ? [systemd] : []), ...own, '/run/tailrace'])]
}

/** Sockets in a folder, in order of their names; none when it cannot be read. */
export function socketsIn(folder: string): string[] {
  try {
    return readdirSync(folder)
      .filter((name) => name.endsWith('.sock'))
      .toSorted()
      .slice(0, 256)
      .map((name) => join(folder, name))
  } catch {
    return []
  }
}

/** `forwarder-agent.4711.sock`: a name for people, and one for each process. */
export const socketName = (agent: string, pid: number): string => `${agent}.${pid}.sock`

/** A short name for an agent, from the first location of its configuration: `forwarder-agent` of `config/forwarder-agent.yaml`. */
export function agentName(locations: readonly string[]): string {
  const [first = ''] = locations
  const path = first.replace(/^file:/, '')
  if (/^[a-z]+:/.test(path)) return 'tailrace'
  const name = basename(path)
    .replace(/\.[a-z]+$/i, '')
    .replace(/[^\w-]+/g, '-')
  return name.replace(/^-+|-+$/g, '').slice(0, 32) || 'tailrace'
}

/** With the zero byte at its end: struct sockaddr_un. */
const mostPathBytes = 107

/** Somebody else could put a socket of their own in the place of the agent's. */
export class StrangeFolder extends Error {}

/** Makes the folder of a socket where it is missing, for this user alone. Throws a sentence when it will not do. */
export function prepareFolder(socket: string, { uid }: Pick<Surroundings, 'uid'> = surroundings()): void {
  if (Buffer.byteLength(socket) > mostPathBytes)
    throw new Error(`${socket}: the path of a local socket has ${mostPathBytes} bytes at most`)
  const folder = dirname(resolve(socket))
  makeFolder(folder)
  const stats = statSync(folder)
  if (stats.uid !== 0 && stats.uid !== uid)
    throw new StrangeFolder(
      `${folder} belongs to another user (uid ${stats.uid}): chown ${uid} ${folder}, or set service.admin.socket to a path elsewhere`,
    )
  // Whoever may write there could put a socket of their own in its place.
  if (isShared(stats) && !isSticky(stats))
    throw new Error(`${folder} may be written to by others: chmod go-w ${folder}, or choose another folder`)
  const why = whyReplaceable(folder, uid)
  if (why !== undefined)
    throw new StrangeFolder(
      `${why}, who could put a folder of their own in the place of ${folder}: set service.admin.socket to a path elsewhere`,
    )
}

function makeFolder(folder: string): void {
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 })
  } catch (error) {
    if (lstatSync(folder, { throwIfNoEntry: false })?.isSymbolicLink() !== true) throw error
    throw new Error(`${folder} is a symbolic link to ${readlinkSync(folder)}, which is no folder`, { cause: error })
  }
}

/**
 * Who beside root and `uid` can put something else in the place of `path`, or of a folder or link on the way to it, as the
 * beginning of a sentence.
 */
function whyReplaceable(path: string, uid: number, seen = new Set<string>()): string | undefined {
  for (let at = path; !seen.has(at); at = dirname(at)) {
    seen.add(at)
    const above = dirname(at)
    const link = lstatSync(at)
    if (link.isSymbolicLink()) {
      const why = ofAnother(at, link, uid) ?? whyReplaceable(resolve(realpathSync(above), readlinkSync(at)), uid, seen)
      if (why !== undefined) return why
    }
    const stats = statSync(above)
    const why = ofAnother(above, stats, uid)
    if (why !== undefined) return why
    if (isOpenToOthers(stats) && !isSticky(stats)) return `${above} may be written to by others`
  }
  return undefined
}

const ofAnother = (path: string, { uid }: Stats, own: number): string | undefined =>
  uid === 0 || uid === own ? undefined : `${path} belongs to another user (uid ${uid})`

const isShared = ({ mode }: Stats) => (mode & 0o022) !== 0
/** Folders of a user are often open to the group that has the user's name. */
const isOpenToOthers = ({ mode, gid }: Stats) =>
  (mode & 0o002) !== 0 || ((mode & 0o020) !== 0 && gid !== 0 && gid !== process.getgid?.())
const isSticky = ({ mode }: Stats) => (mode & 0o1000) !== 0

/**
 * Why root should not believe what answers at a socket, as a sentence. Folders of others will do where only root can have
 * given them away, as `RuntimeDirectory=` of systemd does with `/run/tailrace`; and the socket is their owner's.
 */
export function whyStrange(socket: string): string | undefined {
  const folder = dirname(resolve(socket))
  const stats = statSync(folder, { throwIfNoEntry: false })
  const file = lstatSync(socket, { throwIfNoEntry: false })
  if (!stats || !file) return undefined
  const above = whyReplaceable(folder, 0)
  if (above !== undefined && stats.uid !== 0) return belongsTo(folder, stats)
  if (above !== undefined) return `${above}, who could put a folder of their own in the place of ${folder}`
  if (isShared(stats) && !isSticky(stats)) return `${folder} may be written to by others: chmod go-w ${folder}`
  if (file.uid !== 0 && (file.uid !== stats.uid || file.isSymbolicLink())) return belongsTo(socket, file)
  return undefined
}

const belongsTo = (path: string, { uid }: Stats) =>
  `${path} belongs to another user, whose answers root does not believe: ask as that user, sudo -u '#${uid}' tailrace ...`
