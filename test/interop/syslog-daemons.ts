import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { join } from 'node:path'
import { onTestFinished } from 'vitest'
import { certificate } from '../support/certificates.ts'
import { newFolder } from '../support/folder.ts'
import { freePort } from '../support/free-port.ts'
import { pause } from '../support/role.ts'

export type Transport = 'tcp, counted' | 'tcp, lines' | 'tls' | 'udp'

/** A syslog daemon of others, started with a configuration of ours. */
export interface Daemon {
  readonly name: string
  readonly transports: readonly Transport[]
  /** Takes messages at the port and writes them to `file`, as RFC 5424, one a line. */
  receive(transport: Transport, port: number, file: string): Promise<void>
  /** Takes messages in lines at `from` by TCP, and forwards them to port `to`. */
  forward(transport: Transport, from: number, to: number): Promise<void>
}

/** The daemon, or undefined with a loud line where it is not installed; where CI is set, that is an error. */
export function found(daemon: Daemon, program: string | undefined, how: string): Daemon | undefined {
  if (program && spawnSync(program, ['--version'], { env: environment() }).error === undefined) return daemon
  if (program && existsSync(program)) return daemon
  const missing = `${daemon.name} is not installed: ${how}`
  if (process.env.CI) throw new Error(missing)
  console.warn(`\n*** interop with ${daemon.name} is NOT tested: ${missing} ***\n`)
  return undefined
}

const root = process.env.SYSLOG_NG_ROOT
const environment = () => ({
  PATH: `${process.env.PATH}:/usr/sbin`,
  ...(root && { LD_LIBRARY_PATH: join(root, 'usr/lib/syslog-ng') }),
})

const octets = (transport: Transport) => (transport === 'tcp, lines' ? 'traditional' : 'octet-counted')

/** Debian: rsyslog and rsyslog-gnutls. */
export const rsyslog: Daemon = {
  name: 'rsyslogd',
  transports: ['tcp, counted', 'tcp, lines', 'tls', 'udp'],
  receive(transport, port, file) {
    const format =
      '<%PRI%>%PROTOCOL-VERSION% %TIMESTAMP:::date-rfc3339% %HOSTNAME% %APP-NAME% %PROCID% %MSGID% %STRUCTURED-DATA% %msg%\\n'
    const tls =
      transport === 'tls'
        ? ' streamDriver.name="gtls" streamDriver.mode="1" streamDriver.authMode="x509/certvalid"'
        : ''
    return startRsyslog(
      [
        transport === 'udp' ? 'module(load="imudp")' : `module(load="imtcp"${tls})`,
        `template(name="whole" type="string" string="${format}")`,
        `input(type="${transport === 'udp' ? 'imudp' : 'imtcp'}" address="127.0.0.1" port="${port}" ruleset="all")`,
        `ruleset(name="all") { action(type="omfile" file="${file}" template="whole") }`,
      ],
      transport === 'udp' ? undefined : port,
      'metron',
    )
  },
  forward(transport, from, to) {
    const tls =
      'StreamDriver="gtls" StreamDriverMode="1" StreamDriverAuthMode="x509/name" StreamDriverPermittedPeers="metron"'
    const how = transport === 'udp' ? 'protocol="udp"' : `protocol="tcp" TCP_Framing="${octets(transport)}"`
    return startRsyslog(
      [
        'module(load="imtcp")',
        `input(type="imtcp" address="127.0.0.1" port="${from}" ruleset="all")`,
        `ruleset(name="all") { action(type="omfwd" target="127.0.0.1" port="${to}" ${how} template="RSYSLOG_SyslogProtocol23Format" action.resumeRetryCount="-1" ${transport === 'tls' ? tls : ''}) }`,
      ],
      from,
      'client',
    )
  },
}

async function startRsyslog(lines: string[], port: number | undefined, own: string): Promise<void> {
  const folder = newFolder()
  const { ca, cert, key } = certificate(own)
  const files = `defaultNetstreamDriverCAFile="${ca}" defaultNetstreamDriverCertFile="${cert}" defaultNetstreamDriverKeyFile="${key}"`
  writeFileSync(`${folder}/rsyslog.conf`, [`global(workDirectory="${folder}" ${files})`, ...lines, ''].join('\n'))
  await start('rsyslogd', ['-n', '-f', `${folder}/rsyslog.conf`, '-i', `${folder}/pid`], port)
}

export const syslogNgProgram = root ? join(root, 'usr/sbin/syslog-ng') : 'syslog-ng'

/** Debian: syslog-ng-core; it conflicts with rsyslog, so SYSLOG_NG_ROOT may name a folder that it was unpacked to. */
export const syslogNg: Daemon = {
  name: 'syslog-ng',
  transports: ['tcp, counted', 'tcp, lines', 'tls', 'udp'],
  receive(transport, port, file) {
    const format = '<$PRI>1 $ISODATE $HOST $PROGRAM $PID $MSGID $SDATA $MSG\\n'
    return startSyslogNg(
      [
        `source s { ${ngSource(transport, port)} };`,
        `destination d { file("${file}" template("${format}")); };`,
        'log { source(s); destination(d); };',
      ],
      transport === 'udp' ? undefined : port,
    )
  },
  forward(transport, from, to) {
    const { ca, cert, key } = certificate('client')
    const tls = `transport("tls") tls(ca-file("${ca}") cert-file("${cert}") key-file("${key}") peer-verify(required-trusted))`
    const ways: Record<Transport, string> = {
      'tcp, counted': `syslog("127.0.0.1" port(${to}) transport("tcp"));`,
      'tcp, lines': `network("127.0.0.1" port(${to}) transport("tcp") flags(syslog-protocol));`,
      tls: `syslog("127.0.0.1" port(${to}) ${tls});`,
      udp: `syslog("127.0.0.1" port(${to}) transport("udp"));`,
    }
    return startSyslogNg(
      [
        `source s { network(ip(127.0.0.1) port(${from}) transport("tcp") flags(syslog-protocol)); };`,
        `destination d { ${ways[transport]} };`,
        'log { source(s); destination(d); flags(flow-control); };',
      ],
      from,
    )
  },
}

function ngSource(transport: Transport, port: number): string {
  const { ca, cert, key } = certificate('metron')
  const at = `ip(127.0.0.1) port(${port})`
  if (transport === 'tcp, lines') return `network(${at} transport("tcp") flags(syslog-protocol));`
  if (transport !== 'tls') return `syslog(${at} transport("${transport === 'udp' ? 'udp' : 'tcp'}"));`
  const tls = `tls(ca-file("${ca}") cert-file("${cert}") key-file("${key}") peer-verify(required-trusted))`
  return `syslog(${at} transport("tls") ${tls});`
}

async function startSyslogNg(lines: string[], port: number | undefined): Promise<void> {
  const folder = newFolder()
  const options =
    'options { keep-hostname(yes); keep-timestamp(yes); frac-digits(6); ts-format(iso); use-dns(no); stats-freq(0); };'
  writeFileSync(`${folder}/syslog-ng.conf`, ['@version: 3.35', options, ...lines, ''].join('\n'))
  const places = ['f', 'R', 'p', 'c'].flatMap((flag, i) => [
    `-${flag}`,
    `${folder}/${['syslog-ng.conf', 'persist', 'pid', 'ctl'][i]}`,
  ])
  const modules = root ? [`--module-path=${moduleFolder(join(root, 'usr/lib/syslog-ng'))}`] : []
  await start(syslogNgProgram, ['-F', '--no-caps', ...places, ...modules], port)
}

/** `usr/lib/syslog-ng/3.38` */
const moduleFolder = (folder: string) => join(folder, readdirSync(folder).find((name) => /^\d/.test(name)) ?? '')

const running = new Set<ChildProcess>()
process.on('exit', () => {
  for (const child of running) child.kill('SIGKILL')
})

/** Starts a daemon that ends with the test, and waits until it listens. */
async function start(program: string, args: string[], port: number | undefined): Promise<void> {
  const child = spawn(program, args, { env: environment(), stdio: ['ignore', 'ignore', 'pipe'] })
  running.add(child)
  let said = ''
  let over = false
  child.stderr!.setEncoding('utf8').on('data', (text: string) => (said += text))
  child.on('error', (error) => (said += error.message))
  child.on('close', () => {
    over = true
    running.delete(child)
  })
  onTestFinished(async () => {
    if (over) return
    child.kill('SIGKILL')
    await once(child, 'close')
  })
  for (const end = performance.now() + 100_000; !(await listens(port, child.pid!)); await pause()) {
    if (over || performance.now() > end) throw new Error(`${program} does not listen: ${said}`)
  }
}

/** By UDP there is nothing to connect to: the kernel's table says who listens. */
async function listens(port: number | undefined, pid: number): Promise<boolean> {
  if (port === undefined) return readFileSync(`/proc/${pid}/net/udp`, 'latin1').includes(wantedUdp())
  const socket = connect(port, '127.0.0.1')
  try {
    await once(socket, 'connect')
    return true
  } catch {
    return false
  } finally {
    socket.destroy()
  }
}

let lastUdp = 0
const wantedUdp = () => `0100007F:${lastUdp.toString(16).toUpperCase().padStart(4, '0')}`

/** A port that nobody uses right now. */
export async function freePortFor(transport: Transport): Promise<number> {
  const port = await freePort()
  if (transport === 'udp') lastUdp = port
  return port
}
