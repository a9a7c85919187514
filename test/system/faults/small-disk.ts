import { execFileSync } from 'node:child_process'
import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'

/** A file system of its own that is soon full. */
export interface SmallDisk extends Disposable {
  readonly path: string
}

/** Mounts one in memory, for the user that owns what it is for; or says why that cannot be done here. */
export function mountSmallDisk(megabytes: number, owner: { uid: number; gid: number }): SmallDisk | string {
  if (process.platform !== 'linux') return 'a small disk is made with a Linux tmpfs'
  if (process.getuid?.() !== 0) return 'mounting a small disk takes root'
  const directory = fs.mkdtempSync(path.join(os.tmpdir(), 'postern-disk-'))
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${megabytes}m`, 'tmpfs', directory], { stdio: 'pipe' })
  } catch (error) {
    fs.rmdirSync(directory)
    return `mount is not allowed here: ${String((error as { stderr?: Buffer }).stderr).trim()}`
  }
  fs.chownSync(directory, owner.uid, owner.gid)
  return {
    path: directory,
    [Symbol.dispose]() {
      execFileSync('umount', ['-l', directory])
      fs.rmdirSync(directory)
    },
  }
}
