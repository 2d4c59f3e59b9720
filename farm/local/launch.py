"""Becomes another program, in a session of its own, that cannot outlive its parent.

    python -I -S launch.py PARENT_PID ORPHAN_SIGNAL USER COMMAND...

The kernel sends ORPHAN_SIGNAL when the parent's thread that started this ends, even by `kill -9`. USER is '-'
for no change. A program of its own does this, not code between fork and exec: the parent has threads.
"""

import ctypes
import os
import pwd
import sys

PR_SET_PDEATHSIG = 1  # linux/prctl.h


def main() -> None:
    parent, orphan_signal, user = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
    command = sys.argv[4:]
    os.setsid()  # Ctrl-C in the terminal is for the parent, who stops us in order
    os.umask(0o077)
    if user != "-":
        entry = pwd.getpwnam(user)
        os.setgroups([])
        os.setgid(entry.pw_gid)
        os.setuid(entry.pw_uid)
    if sys.platform == "linux":  # after setuid, which forgets it
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, orphan_signal, 0, 0, 0)
    if os.getppid() != parent:  # the parent died before we asked
        sys.exit(1)
    os.execv(command[0], command)  # noqa: S606 - the command is a list, made by the parent


if __name__ == "__main__":
    main()
