"""What keeps Bob's process from labels: it opens no file but the installed software and its own folder.

On Linux the kernel holds a process to that without root: a Landlock rule set for files, and a network namespace
of its own that leads nowhere. Elsewhere an audit hook of Python refuses the same, for Python's own calls alone.
"""

import ctypes
import os
import site
import struct
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from glob import escape, glob
from pathlib import Path
from typing import Any

LANDLOCK, NAMESPACE, AUDIT_HOOK = "landlock", "network namespace", "audit hook"

# What programs need of the system; paths that are not there are passed over.
_SYSTEM = (
    *("/usr", "/lib", "/lib64", "/bin", "/nix/store", "/sys", "/proc/self", "/proc/cpuinfo", "/proc/meminfo"),
    *("/proc/stat", "/proc/devices", "/proc/driver", "/etc/ld.so.cache", "/etc/localtime", "/etc/passwd"),
    *("/etc/nsswitch.conf", "/dev/zero", "/dev/urandom", "/dev/random"),
)
_DEVICES = ("/dev/null", "/dev/nvidia*", "/dev/dxg", "/dev/kfd", "/dev/dri")  # read and written: GPUs too
_LABELLED = "sklearn/datasets/data"  # scikit-learn's embedded data sets, in any entry of sys.path

_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446
_EXECUTE, _WRITE_FILE, _READ_FILE, _READ_DIR, _REFER, _TRUNCATE = 1 << 0, 1 << 1, 1 << 2, 1 << 3, 1 << 13, 1 << 14
_FIRST_RIGHTS = (1 << 13) - 1
_FILE_RIGHTS = _EXECUTE | _WRITE_FILE | _READ_FILE | _TRUNCATE
_READ = _EXECUTE | _READ_FILE | _READ_DIR
_NO_NEW_PRIVS = 38
_NEW_USER, _NEW_NET = 0x10000000, 0x40000000
_REFUSED_EVENTS = ("socket.", "subprocess.", "os.system", "os.exec", "os.posix_spawn", "os.fork", "ctypes.dlopen")


def installed() -> list[str]:
    """The folders of installed software: of Python itself, and the entries of `sys.path` with installed packages."""
    prefixes = dict.fromkeys((sys.prefix, sys.exec_prefix, sys.base_prefix))
    own = [os.path.join(prefix, part) for prefix in prefixes for part in ("bin", "lib", "lib64", "pyvenv.cfg")]
    return [*own, *packages()]


def packages() -> list[str]:
    """The entries of `sys.path` where packages are installed: those that hold a `.dist-info` folder."""
    users = [site.getusersitepackages()] if site.ENABLE_USER_SITE else []
    return [entry for entry in [*sys.path, *users] if entry and glob(f"{escape(entry)}/*.dist-info")]


def confine(own: Path, readable: Iterable[str], forbidden: Path, secret: Iterable[str] = ()) -> tuple[str, ...]:
    """Gives up all that this process does not need, for good; returns what holds it to that.

    `own` is the folder that it may write, `readable` is what it may read besides the system, but for what is `secret`,
    and `forbidden` is a file that must not open afterwards: what is returned was tried.
    """
    read, write = [*_SYSTEM, *readable], [str(own), *(each for pattern in _DEVICES for each in glob(pattern))]
    hidden = [os.path.realpath(os.path.join(entry, _LABELLED)) for entry in sys.path]
    hidden += map(os.path.realpath, secret)
    namespace = _leave_network()
    landlock = _landlock(read, write, hidden) and not _opens(forbidden)
    if not landlock:
        _hook(read, write, hidden, network=namespace)
    names = ((LANDLOCK if landlock else AUDIT_HOOK), NAMESPACE)
    return names if namespace else names[:1]


def _opens(path: Path) -> bool:
    try:
        path.read_bytes()
    except PermissionError:
        return False
    return True


def _leave_network() -> bool:
    """Whether this process is now in a network namespace of its own, which has no way out."""
    user, group = os.getuid() if hasattr(os, "getuid") else 0, os.getgid() if hasattr(os, "getgid") else 0
    if sys.platform != "linux" or ctypes.CDLL(None).unshare(_NEW_USER | _NEW_NET) != 0:
        return False
    for name, text in (("setgroups", "deny"), ("uid_map", f"{user} {user} 1"), ("gid_map", f"{group} {group} 1")):
        with suppress(OSError):  # without a name there it is nobody, who may read what everybody may
            Path("/proc/self", name).write_text(text)
    return True


def _landlock(read: Sequence[str], write: Sequence[str], hidden: Sequence[str]) -> bool:
    """Whether the kernel now holds this process to these files (Linux 5.13 or later, landlock(7))."""
    if sys.platform != "linux":
        return False
    call = ctypes.CDLL(None, use_errno=True).syscall
    version = call(_CREATE_RULESET, None, 0, 1)
    if version < 1:
        return False
    files = _FIRST_RIGHTS | (_REFER if version >= 2 else 0) | (_TRUNCATE if version >= 3 else 0)
    # TCP from version 4, abstract sockets and signals from version 6.
    size = 8 if version < 4 else 16 if version < 6 else 24
    ruleset = call(_CREATE_RULESET, struct.pack("=QQQ", files, 3, 3), size, 0)
    for path, rights in _rules(read, write, hidden, files):
        beneath = os.open(path, os.O_PATH | os.O_CLOEXEC)
        rights &= files if os.path.isdir(path) else _FILE_RIGHTS & files
        call(_ADD_RULE, ruleset, 1, struct.pack("=Qi", rights, beneath), 0)
        os.close(beneath)
    done = bool(ctypes.CDLL(None).prctl(_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 and call(_RESTRICT_SELF, ruleset, 0) == 0)
    os.close(ruleset)
    return done


def _rules(
    read: Sequence[str], write: Sequence[str], hidden: Sequence[str], everything: int
) -> Iterator[tuple[str, int]]:
    """Real paths and the rights beneath each. A rule can't be taken back, so what is hidden gets none."""
    for path in dict.fromkeys(map(os.path.realpath, read)):
        yield from _readable(path, hidden)
    yield from ((os.path.realpath(path), everything) for path in write if os.path.exists(path))


def _readable(path: str, hidden: Sequence[str]) -> Iterator[tuple[str, int]]:
    if not os.path.exists(path) or any(_within(path, each) for each in hidden):
        return
    if not any(_within(each, path) for each in hidden):
        yield path, _READ
        return
    yield path, _READ_DIR
    for entry in os.scandir(path):
        if entry.is_dir() or entry.is_file():
            yield from _readable(os.path.realpath(entry.path), hidden)


def _within(path: str, folder: str) -> bool:
    return path == folder or path.startswith(folder + os.sep)


def _hook(read: Sequence[str], write: Sequence[str], hidden: Sequence[str], network: bool) -> None:
    """Python refuses the same files from now on, other programs, and the network unless it is left already."""
    may_write = [os.path.realpath(path) for path in write]
    may_read = [*may_write, *(os.path.realpath(path) for path in read)]
    refused = tuple(event for event in _REFUSED_EVENTS if not (network and event == "socket."))

    def refuse(event: str, arguments: tuple[Any, ...]) -> None:
        if event.startswith(refused):
            raise PermissionError(f"Bob's process may not do this: {event}")
        if event != "open" or isinstance(arguments[0], int):
            return
        path = os.path.realpath(os.fsdecode(arguments[0]))
        writing = arguments[2] & (os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC)
        allowed = any(_within(path, each) for each in (may_write if writing else may_read))
        if not allowed or any(_within(path, each) for each in hidden):
            raise PermissionError(f"Bob's process may not open {path}")

    sys.addaudithook(refuse)
