import { lines, whole, words } from './parse.ts'
import type { Scraper } from './scraper.ts'
import type { Attributes, Sheet } from './sheet.ts'

// The kernel counts calls by number (fs/nfs/nfs3xdr.c, fs/nfs/nfs4xdr.c, include/linux/nfs4.h). Its client numbers
// operations of NFSv4 as it likes, its server as RFC 7530, 7862 and 8276 do.
const procedures3 =
  'NULL GETATTR SETATTR LOOKUP ACCESS READLINK READ WRITE CREATE MKDIR SYMLINK MKNOD REMOVE RMDIR RENAME LINK READDIR READDIRPLUS FSSTAT FSINFO PATHCONF COMMIT'
const clientOperations4 =
  'NULL READ WRITE COMMIT OPEN OPEN_CONFIRM OPEN_NOATTR OPEN_DOWNGRADE CLOSE SETATTR FSINFO RENEW SETCLIENTID SETCLIENTID_CONFIRM LOCK LOCKT LOCKU ACCESS GETATTR LOOKUP LOOKUP_ROOT REMOVE RENAME LINK SYMLINK CREATE PATHCONF STATFS READLINK READDIR SERVER_CAPS DELEGRETURN GETACL SETACL FS_LOCATIONS RELEASE_LOCKOWNER SECINFO FSID_PRESENT EXCHANGE_ID CREATE_SESSION DESTROY_SESSION SEQUENCE GET_LEASE_TIME RECLAIM_COMPLETE GETDEVICEINFO LAYOUTGET LAYOUTCOMMIT LAYOUTRETURN SECINFO_NO_NAME TEST_STATEID FREE_STATEID GETDEVICELIST BIND_CONN_TO_SESSION DESTROY_CLIENTID SEEK ALLOCATE DEALLOCATE LAYOUTSTATS CLONE COPY OFFLOAD_CANCEL COPY_NOTIFY LOOKUPP LAYOUTERROR GETXATTR SETXATTR LISTXATTRS REMOVEXATTR READ_PLUS'
const operations4 =
  'UNUSED_IGNORE0 UNUSED_IGNORE1 UNUSED_IGNORE2 ACCESS CLOSE COMMIT CREATE DELEGPURGE DELEGRETURN GETATTR GETFH LINK LOCK LOCKT LOCKU LOOKUP LOOKUPP NVERIFY OPEN OPENATTR OPEN_CONFIRM OPEN_DOWNGRADE PUTFH PUTPUBFH PUTROOTFH READ READDIR READLINK REMOVE RENAME RENEW RESTOREFH SAVEFH SECINFO SETATTR SETCLIENTID SETCLIENTID_CONFIRM VERIFY WRITE RELEASE_LOCKOWNER BACKCHANNEL_CTL BIND_CONN_TO_SESSION EXCHANGE_ID CREATE_SESSION DESTROY_SESSION FREE_STATEID GET_DIR_DELEGATION GETDEVICEINFO GETDEVICELIST LAYOUTCOMMIT LAYOUTGET LAYOUTRETURN SECINFO_NO_NAME SEQUENCE SET_SSV TEST_STATEID WANT_DELEGATION DESTROY_CLIENTID RECLAIM_COMPLETE ALLOCATE COPY COPY_NOTIFY DEALLOCATE IO_ADVISE LAYOUTERROR LAYOUTSTATS OFFLOAD_CANCEL OFFLOAD_STATUS READ_PLUS SEEK WRITE_SAME CLONE GETXATTR SETXATTR LISTXATTRS REMOVEXATTR'

/** A metric, the number in its line that it takes (from 0), and its attributes. */
type Point = readonly [metric: string, index: number, ...attributes: Attributes]

/** Calls by number stand behind the count of them. */
const callPoints = (side: string, what: 'procedure' | 'operation', version: number, names: string): Point[] => {
  const key = what === 'procedure' ? 'onc_rpc.procedure.name' : 'nfs.operation.name'
  return names.split(' ').map((name, i) => [`nfs.${side}.${what}.count`, i + 1, 'onc_rpc.version', version, key, name])
}

const netPoints = (side: string): Point[] => [
  [`nfs.${side}.net.count`, 1, 'network.transport', 'udp'],
  [`nfs.${side}.net.count`, 2, 'network.transport', 'tcp'],
  [`nfs.${side}.net.tcp.connection.accepted`, 3],
]

/** Points by the first word of a line. */
type Lines = ReadonlyMap<string, readonly Point[]>

const clientLines: Lines = new Map<string, Point[]>([
  ['net', netPoints('client')],
  [
    'rpc',
    [
      ['nfs.client.rpc.count', 0],
      ['nfs.client.rpc.retransmit.count', 1],
      ['nfs.client.rpc.authrefresh.count', 2],
    ],
  ],
  ['proc3', callPoints('client', 'procedure', 3, procedures3)],
  ['proc4', callPoints('client', 'operation', 4, clientOperations4)],
])

const serverLines: Lines = new Map<string, Point[]>([
  [
    'rc',
    ['hit', 'miss', 'nocache'].map((status, i) => [
      'nfs.server.repcache.requests',
      i,
      'nfs.server.repcache.status',
      status,
    ]),
  ],
  ['fh', [['nfs.server.fh.stale.count', 0]]],
  ['io', ['receive', 'transmit'].map((direction, i) => ['nfs.server.io', i, 'network.io.direction', direction])],
  ['th', [['nfs.server.thread.count', 0]]],
  ['net', netPoints('server')],
  ['rpc', ['format', 'auth', 'client'].map((type, i) => ['nfs.server.rpc.count', i + 2, 'error.type', type])],
  ['proc3', callPoints('server', 'procedure', 3, procedures3)],
  ['proc4', callPoints('server', 'procedure', 4, 'NULL COMPOUND')],
  ['proc4ops', callPoints('server', 'operation', 4, operations4)],
])

/** Client and server of NFS in the kernel: /proc/net/rpc/nfs and nfsd. A machine may be either. */
export function newNfsScraper(isHost: boolean): Scraper {
  const folder = isHost ? '/proc/1/net/rpc' : '/proc/net/rpc'
  return ({ files }, sheet) => {
    const client = textOf(() => files.read(`${folder}/nfs`))
    const server = textOf(() => files.read(`${folder}/nfsd`))
    if (client === undefined && server === undefined)
      throw new Error(`no NFS: there is neither ${folder}/nfs nor ${folder}/nfsd`)
    addLines(sheet, client ?? '', clientLines)
    addLines(sheet, server ?? '', serverLines)
  }
}

/** Undefined for a file that is not there. */
function textOf(read: () => string): string | undefined {
  try {
    return read()
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
    return undefined
  }
}

/** `rpc 17 0 2`. Numbers that a kernel does not have make no points; those that have no name here, neither. */
function addLines(sheet: Sheet, text: string, points: Lines): void {
  for (const line of lines(text)) {
    const [first, ...numbers] = words(line)
    for (const [metric, index, ...attributes] of points.get(first!) ?? [])
      sheet.add(metric, whole(numbers[index]), ...attributes)
  }
}
