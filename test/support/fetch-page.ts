import { get } from 'node:http'
import { gunzipSync } from 'node:zlib'

interface Answer {
  status: number
  headers: Record<string, unknown>
  /** Decompressed. */
  text: string
}

export function fetchPage(url: string, headers: Record<string, string> = {}): Promise<Answer> {
  return new Promise((resolve, reject) => {
    get(url, { headers, agent: false }, (response) => {
      const chunks: Buffer[] = []
      response.on('data', (chunk) => chunks.push(chunk))
      response.on('end', () => {
        const body = Buffer.concat(chunks)
        const text = (response.headers['content-encoding'] === 'gzip' ? gunzipSync(body) : body).toString()
        resolve({ status: response.statusCode!, headers: response.headers, text })
      })
    }).on('error', reject)
  })
}
