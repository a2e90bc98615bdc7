"""What the kernel offers and Python does not: namespaces, mounts, capabilities, Landlock. ctypes only.

Every call raises OSError with the name of the call. Importing this module has no effect and works on every system.
"""

from __future__ import annotations

import ctypes
import os
import platform
import stat
import struct
import sys

LINUX = sys.platform.startswith("linux")

CLONE_NEWNS = 0x00020000
CLONE_NEWUTS = 0x04000000
CLONE_NEWIPC = 0x08000000
CLONE_NEWUSER = 0x10000000
CLONE_NEWPID = 0x20000000
CLONE_NEWNET = 0x40000000

MS_RDONLY, MS_NOSUID, MS_NODEV, MS_NOEXEC = 1, 2, 4, 8
MS_REMOUNT, MS_BIND, MS_REC, MS_PRIVATE = 32, 4096, 16384, 1 << 18
MNT_DETACH = 2
AT_FDCWD = -100
AT_RECURSIVE = 0x8000

PR_SET_PDEATHSIG = 1
PR_SET_DUMPABLE = 4
PR_SET_SECCOMP = 22
PR_SET_NO_NEW_PRIVS = 38
PR_CAP_AMBIENT = 47
PR_CAP_AMBIENT_CLEAR_ALL = 4

# The numbers are the same on every architecture since mount_setattr's time; pivot_root and capset are older.
_SYS_MOUNT_SETATTR = 442
_SYS_LANDLOCK_CREATE_RULESET = 444
_SYS_LANDLOCK_ADD_RULE = 445
_SYS_LANDLOCK_RESTRICT_SELF = 446
_BY_MACHINE = {
    "x86_64": {"pivot_root": 155, "capset": 126, "ioprio_get": 252},
    "aarch64": {"pivot_root": 41, "capset": 91, "ioprio_get": 31},
}
MACHINE = {"amd64": "x86_64", "arm64": "aarch64"}.get(platform.machine().lower(), platform.machine().lower())

_libc = ctypes.CDLL(None, use_errno=True) if LINUX else None


def _check(result: int, what: str) -> int:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")
    return result


def _syscall(what: str, number: int, *args: object) -> int:
    assert _libc is not None
    return _check(_libc.syscall(ctypes.c_long(number), *args), what)


def _number(name: str) -> int:
    known = _BY_MACHINE.get(MACHINE)
    if known is None:
        raise OSError(38, f"{name}: the number of this call is not known on {MACHINE}")
    return known[name]


def unshare(flags: int) -> None:
    assert _libc is not None
    _check(_libc.unshare(flags), "unshare")


def setns(fd: int, kind: int) -> None:
    assert _libc is not None
    _check(_libc.setns(fd, kind), "setns")


def prctl(option: int, value: int = 0, third: int = 0) -> None:
    assert _libc is not None
    arguments = [ctypes.c_ulong(n) for n in (value, third, 0, 0)]
    _check(_libc.prctl(option, *arguments), f"prctl({option})")


def io_priority() -> int:
    """Of the calling process."""
    return _syscall("ioprio_get", _number("ioprio_get"), 1, 0)


def mount(source: str, target: str, kind: str | None, flags: int, data: str | None = None) -> None:
    assert _libc is not None
    words = [None if word is None else os.fsencode(word) for word in (source, target, kind, data)]
    done = _libc.mount(words[0], words[1], words[2], ctypes.c_ulong(flags), words[3])
    _check(done, f"mount {target}")


def unmount(target: str, flags: int = MNT_DETACH) -> None:
    assert _libc is not None
    _check(_libc.umount2(os.fsencode(target), flags), f"umount {target}")


def pivot_root(new_root: str, old_root: str) -> None:
    _syscall("pivot_root", _number("pivot_root"), os.fsencode(new_root), os.fsencode(old_root))


def set_mount_flags(target: str, flags: int) -> None:
    """Adds MS_RDONLY, MS_NOSUID… to a mount and everything below it; on kernels before 5.12 to the mount itself."""
    attributes = ctypes.create_string_buffer(struct.pack("QQQQ", flags, 0, 0, 0))
    try:
        size = ctypes.c_size_t(32)
        _syscall("mount_setattr", _SYS_MOUNT_SETATTR, AT_FDCWD, os.fsencode(target), AT_RECURSIVE, attributes, size)
    except OSError as error:
        if error.errno != 38:
            raise
        mount("none", target, None, MS_REMOUNT | MS_BIND | flags)


def map_own_ids(uid: int, gid: int) -> None:
    """Maps the caller's ids to themselves in the user namespace it has just made."""
    for name, text in (("setgroups", "deny"), ("uid_map", f"{uid} {uid} 1"), ("gid_map", f"{gid} {gid} 1")):
        fd = os.open(f"/proc/self/{name}", os.O_WRONLY)
        try:
            os.write(fd, text.encode())
        finally:
            os.close(fd)


def drop_capabilities() -> None:
    """Leaves no capability, and none that an exec could bring back (together with no_new_privs)."""
    prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL)
    _syscall("capset", _number("capset"), _CAPABILITY_HEADER, _NO_CAPABILITIES)


_CAPABILITY_HEADER = ctypes.create_string_buffer(struct.pack("II", 0x20080522, 0))
_NO_CAPABILITIES = ctypes.create_string_buffer(bytes(24))


# Landlock: the access rights by the ABI that brought them.
LANDLOCK_READ = 1 << 0 | 1 << 2 | 1 << 3  # execute, read_file, read_dir
LANDLOCK_WRITE_FILE = 1 << 1
LANDLOCK_FOLDERS = 1 << 4 | 1 << 7  # remove and make folders
LANDLOCK_REFER = 1 << 13  # links and renames across folders
LANDLOCK_TRUNCATE = 1 << 14
LANDLOCK_ALL = (1 << 16) - 1
_ALL_OF_ABI_1 = (1 << 13) - 1
_FILE_RIGHTS = 1 << 0 | 1 << 1 | 1 << 2 | LANDLOCK_TRUNCATE | 1 << 15


def landlock_abi() -> int:
    """0 where there is none."""
    if not LINUX:
        return 0
    try:
        return _syscall("landlock", _SYS_LANDLOCK_CREATE_RULESET, None, ctypes.c_size_t(0), 1)
    except OSError:
        return 0


class Landlock:
    """An allow-list of paths for the calling process and its children. Rules that are enforced later add to earlier ones.

    >>> rules = Landlock(abi=7, deny_tcp=True)      # doctest: +SKIP
    >>> rules.allow("/usr", LANDLOCK_READ)          # doctest: +SKIP
    >>> rules.enforce()                             # doctest: +SKIP
    """

    def __init__(self, abi: int, deny_tcp: bool, handled: int = -1) -> None:
        self.all = _ALL_OF_ABI_1
        if abi >= 2:
            self.all |= LANDLOCK_REFER
        if abi >= 3:
            self.all |= LANDLOCK_TRUNCATE
        if abi >= 5:
            self.all |= 1 << 15  # ioctl on devices
        self.all &= handled
        network = 3 if deny_tcp and abi >= 4 else 0
        self.tcp = network > 0
        scoped = 3 if abi >= 6 else 0  # abstract unix sockets, signals
        words = [self.all] + ([network] if abi >= 4 else []) + ([scoped] if abi >= 6 else [])
        attributes = struct.pack(f"{len(words)}Q", *words)
        self.fd = _syscall(
            "landlock_create_ruleset", _SYS_LANDLOCK_CREATE_RULESET, attributes, ctypes.c_size_t(len(attributes)), 0
        )

    def allow(self, path: str, rights: int) -> None:
        """A path that does not exist is left out."""
        opened = open_for_rule(path)
        if opened:
            self.allow_opened(*opened, rights)
            os.close(opened[0])

    def allow_connect(self, port: int) -> None:
        """TCP, to this port of any address; only where `deny_tcp` has an effect."""
        if self.tcp:
            rule = struct.pack("=QQ", 2, port)
            _syscall("landlock_add_rule", _SYS_LANDLOCK_ADD_RULE, self.fd, 2, rule, 0)

    def allow_opened(self, fd: int, is_folder: bool, rights: int) -> None:
        rights &= self.all if is_folder else self.all & _FILE_RIGHTS
        rule = struct.pack("=Qi", rights, fd)
        _syscall("landlock_add_rule", _SYS_LANDLOCK_ADD_RULE, self.fd, 1, rule, 0)

    def enforce(self) -> None:
        _syscall("landlock_restrict_self", _SYS_LANDLOCK_RESTRICT_SELF, self.fd, 0)
        os.close(self.fd)


def open_for_rule(path: str) -> tuple[int, bool] | None:
    """A descriptor of the path, and whether it is a folder."""
    try:
        fd = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    return fd, stat.S_ISDIR(os.fstat(fd).st_mode)
