/** Foreign text inside a message: quoted, cut after 60 characters, without the login of a URL. */
export function quoted(text: string): string {
  const plain = text.replace(/:\/\/[^\s/@]*@/g, '://***@')
  return JSON.stringify(plain.length > 60 ? `${plain.slice(0, 60)}...` : plain)
}
