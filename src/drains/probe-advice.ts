const advice: Record<string, string> = {
  'url unparsable': 'write it as scheme://host:port/path; percent-encode what is unusual in user and password',
  'url scheme': 'use one of syslog://, syslog-tls://, https://, https-batch://',
  'url no_host': 'put the host behind the two slashes: syslog-tls://drain.example:6514',
  'url port': 'a port is a number from 1 to 65535',
  'url log_types': 'keep one of the two parameters',
  'certs ca': 'the file of --ca must hold a PEM certificate (BEGIN CERTIFICATE)',
  'certs pair': 'the key must belong to the first certificate of the file, both PEM, the key without a passphrase',
  'dns name': 'check the spelling, and whether that name is known in the DNS of the platform, not only in yours',
  'dns server':
    'this is not about the name: try again, then look at the DNS servers of this machine (/etc/resolv.conf)',
  'deny denied': 'the operator of the platform forbids these addresses: use another address, or ask for an exception',
  'tcp refused': 'check the port, and that the server runs and listens on this interface',
  'tcp timeout': 'a firewall drops the connection, most likely: have the way from the platform to that port opened',
  'tcp unreachable': 'there is no way from here to there: look at routes and firewalls',
  'tls expired': 'whoever runs the server must renew its certificate',
  'tls not_yet_valid': 'the clock of one of the two machines is wrong',
  'tls wrong_name': 'use a name of the list in the URL, or have a certificate issued for this one',
  'tls unknown_ca':
    'bind the drain with the CA of the server ("ca" of the service, --ca here), or use a publicly trusted certificate',
  'tls not_tls': 'the port is for plain text: use syslog:// there, or the TLS port of the server',
  'tls version': 'the server must offer TLS 1.2 or 1.3',
  'tls cipher':
    'give a client certificate (--cert, --key) if the server wants one; else it must offer ECDHE with AES-GCM or ChaCha20',
  'tls client_certificate':
    'bind the drain with a client certificate and key that the server accepts (--cert, --key here)',
  'tls timeout': 'is it a TLS port at all? if so, the server is overloaded or something in between swallows packets',
  'tls closed': 'the server may want a client certificate (--cert, --key), or refuses this address',
  'tls weak': 'the server needs a certificate with a larger key',
  'tls soon': 'have it renewed in time: lines stop when it expires',
  'tls skipped': 'agents verify unless their operator switched it off',
  'send closed': 'it may want a client certificate (--cert, --key), another protocol, or refuse this address',
  'send client_certificate':
    'bind the drain with a client certificate and key that the server accepts (--cert, --key here)',
  'http unsure': 'try again with --send: only a POST can tell what a drain would get',
  'http status_400':
    'the server does not take RFC 5424 text at this path: check the path, and what the service expects',
  'http status_401': 'put user and password into the URL (https://user:password@host/), percent-encoded',
  'http status_403': 'the credentials or the token in the URL are not accepted',
  'http status_404': 'check the path of the URL',
  'http status_405': 'the path does not take POST: check it',
  'http status_413': 'the server takes smaller bodies only: use https:// instead of https-batch://',
  'http status_429': 'the server is asked too often: https-batch:// needs far fewer requests',
  'http status_5xx': 'the server has trouble of its own; drains repeat such posts for two minutes, then lose the line',
  'http timeout': 'the server accepts connections but does not answer: drains wait 20 s',
  'http not_http': 'use syslog-tls:// if it is a syslog port',
}

const redirect = 'drains do not follow redirects: use the address that it redirects to'

/** What somebody can do about a failed step; one sentence. */
export function adviceFor(step: string, code: string): string {
  if (/^status_3/.test(code)) return redirect
  return advice[`${step} ${code}`] ?? advice[`tls ${code}`] ?? 'look at the log of the server: it may know more'
}
