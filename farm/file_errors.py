"""Errors of the operating system about files, for people: which file, what is wrong, what to do."""

import errno
import re

_WORDS = {
    errno.ENOENT: "there is no such file or folder; look at the path again",
    errno.EACCES: "this user may not do that there; choose another place, or change the rights",
    errno.EPERM: "this user may not do that there; choose another place, or change the rights",
    errno.EEXIST: "something else of this name is there already; choose another name",
    errno.ENOTDIR: "a part of this path is a file, not a folder; choose another path",
    errno.EISDIR: "this is a folder, and a file is needed; name a file",
    errno.ENOSPC: "the disk is full; free some space, or choose another place",
    errno.EDQUOT: "the disk quota of this user is used up; free some space, or choose another place",
    errno.EROFS: "nothing can be written to this disk; choose another place",
    errno.ENAMETOOLONG: "the name is too long; choose a shorter one",
    errno.ELOOP: "its links lead round in a circle; look at the path again",
    errno.EMFILE: "too many files are open; raise the limit (ulimit -n)",
}


def is_disk_full(error: BaseException) -> bool:
    """Whether the system refused a write because there was no room, or because the user's quota is used up."""
    return isinstance(error, OSError) and error.errno in {errno.ENOSPC, errno.EDQUOT}


def system_error(error: Exception) -> OSError:
    """The error of the system that a library written in Rust tells in words alone: '… (os error 28)'; else EIO."""
    found = re.search(r"\(os error (\d+)\)", str(error))
    return OSError(int(found.group(1)) if found else errno.EIO, str(error))


def file_error(error: OSError) -> str:
    """A sentence about an error that the operating system has raised."""
    reason = _WORDS.get(error.errno or 0) or (error.strerror or str(error) or type(error).__name__)
    names = [str(name) for name in (error.filename, error.filename2) if name is not None]
    return f"{' → '.join(names)}: {reason}." if names else f"{reason[:1].upper()}{reason[1:]}."
