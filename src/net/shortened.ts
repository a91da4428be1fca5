const most = 1000

/** No more than people read of what a peer says: it goes into logs, samples and answers. */
export const shortened = (text: string): string => (text.length > most ? `${text.slice(0, most)}...` : text)
