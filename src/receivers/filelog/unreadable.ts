/** What to tell somebody whose file cannot be opened or read. */
export function whyUnreadable(error: unknown): string {
  const { code, message } = error as NodeJS.ErrnoException
  if (code === 'EACCES' || code === 'EPERM') return 'permission denied: let the user of this process read it'
  if (code === 'EMFILE' || code === 'ENFILE')
    return 'too many open files: lower max_concurrent_files or raise the limit (ulimit -n)'
  return message
}

/** Whether there is nothing at the path. */
export const isGone = (error: unknown): boolean => (error as NodeJS.ErrnoException).code === 'ENOENT'
