"""The file system that plays see: an empty root into which only what Python needs is bound, read-only."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from typing import Any

from . import kernel

# Where the folder of all plays is bound; every play covers it and sees its own workdir only.
HIDDEN_PLAYS = "/.plays"
EMPTY = "/.empty"
# Every play gets a /tmp of its own; what is bound below /tmp is bound again from here.
HIDDEN_TMP = "/.tmp"
_STAGING = "/tmp"
_SYSTEM = ("/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32")
_ETC = (
    "alternatives", "ca-certificates", "ca-certificates.conf", "gai.conf", "host.conf", "hosts", "ld.so.cache",
    "ld.so.conf", "ld.so.conf.d", "localtime", "mime.types", "nsswitch.conf", "pki", "protocols", "resolv.conf",
    "services", "ssl", "timezone",
)  # fmt: skip
_DEVICES = ("null", "zero", "full", "random", "urandom")


@dataclass
class JailPaths:
    """What is bound, each at its own path."""

    system: list[str]
    python: list[str]
    packages: str | None
    mounts: list[tuple[str, bool]]
    plays: str
    shown_plays: str
    hosts: str | None = None  # /etc/hosts, if it is not the machine's

    @staticmethod
    def of(settings: dict[str, Any]) -> JailPaths:
        return JailPaths(
            system=[path for path in _SYSTEM if os.path.lexists(path)],
            python=[*python_paths(), *([settings["packages"]["folder"]] if settings["packages"] else [])],
            packages=settings["packages"]["folder"] if settings["packages"] else None,
            mounts=[(mount["path"], bool(mount["writable"])) for mount in settings["mounts"]],
            plays=settings["plays"],
            shown_plays=settings["shown_plays"],
        )

    def exposing(self, folder: str) -> str | None:
        """What of this would show the folder to plays."""
        shown = [*self.system, *self.python, *(path for path, _ in self.mounts)]
        return next((path for path in shown if _within(folder, path)), None)

    def below_tmp(self) -> list[str]:
        return [path for path in (*self.python, *(path for path, _ in self.mounts)) if _within(path, "/tmp")]

    def readable(self, inside: bool) -> list[str]:
        """What a play may read, for Landlock. Inside the jail's root, /etc holds only what it may read."""
        read_only = [path for path, writable in self.mounts if not writable]
        etc = ["/etc"] if inside else [f"/etc/{name}" for name in (*_ETC, "passwd", "group")]
        system = [path for path in self.system if not os.path.islink(path)]
        return [*system, *self.python, *etc, "/proc", "/dev", *read_only]

    def writable(self) -> list[str]:
        return [path for path, writable in self.mounts if writable]


def python_paths() -> list[str]:
    """The folders this interpreter lives from: prefixes, sys.path, and shared libraries from elsewhere."""
    wanted = [sys.prefix, sys.base_prefix, sys.exec_prefix, sys.base_exec_prefix]
    wanted += [os.path.dirname(sys.executable), os.path.dirname(os.path.realpath(sys.executable))]
    wanted += [path for path in sys.path if path]
    wanted += [os.path.dirname(path) for path in _mapped_libraries()]
    found: list[str] = []
    for path in sorted({os.path.abspath(path) for path in wanted if path and os.path.exists(path)}, key=len):
        if path == "/" or any(_within(path, other) for other in (*found, *_SYSTEM)):
            continue
        found.append(path)
    return found


def _mapped_libraries() -> set[str]:
    try:
        with open("/proc/self/maps", encoding="utf-8", errors="replace") as maps:
            names = {line.split(maxsplit=5)[5].strip() for line in maps if line.count("/") > 0}
    except (OSError, IndexError):
        return set()
    return {name for name in names if name.startswith("/") and ".so" in name}


def _within(path: str, folder: str) -> bool:
    return path == folder or path.startswith(folder.rstrip("/") + "/")


def build_root(paths: JailPaths, uid: int, gid: int) -> None:
    """Makes the new root in the caller's mount namespace and enters it. The old one cannot be reached afterwards."""
    kernel.mount("none", "/", None, kernel.MS_REC | kernel.MS_PRIVATE)
    sources = _open_sources(paths)
    kernel.mount("hero", _STAGING, "tmpfs", kernel.MS_NOSUID | kernel.MS_NODEV, "mode=755,size=1m")
    for path in paths.system:
        if os.path.islink(path):
            os.symlink(os.readlink(path), _STAGING + path)
    for target, (fd, writable) in sources.items():
        _bind(fd, target, writable)
    for name in ("proc", "tmp", "dev", HIDDEN_PLAYS[1:], HIDDEN_TMP[1:], EMPTY[1:]):
        os.makedirs(f"{_STAGING}/{name}", exist_ok=True)
    os.makedirs(_STAGING + paths.shown_plays, exist_ok=True)
    os.makedirs(f"{_STAGING}/etc", exist_ok=True)
    _fill_etc(uid, gid, paths.hosts)
    if not os.path.lexists(f"{_STAGING}/dev/shm"):
        for name, target in (("shm", "/tmp"), ("fd", "/proc/self/fd")):
            os.symlink(target, f"{_STAGING}/dev/{name}")
    kernel.mount(f"{_STAGING}/tmp", _STAGING + HIDDEN_TMP, None, kernel.MS_BIND | kernel.MS_REC)
    # Also with privilege: a full view of a proc must be there for the kernel to let a play mount its own later.
    kernel.mount("proc", f"{_STAGING}/proc", "proc", kernel.MS_NOSUID | kernel.MS_NODEV | kernel.MS_NOEXEC)
    os.chdir(_STAGING)
    kernel.pivot_root(".", ".")
    kernel.unmount(".")  # the old root, stacked on the new one by pivot_root
    os.chdir("/")
    kernel.mount("none", "/", None, kernel.MS_REMOUNT | kernel.MS_BIND | kernel.MS_RDONLY | 6)


def _open_sources(paths: JailPaths) -> dict[str, tuple[int, bool]]:
    """Opens the sources before the staging folder is covered: they may lie below it."""
    wanted: dict[str, bool] = {}
    for path in (*paths.system, *paths.python):
        if not os.path.islink(path):
            wanted[path] = False
    for name in _ETC:
        if name == "hosts" and paths.hosts is not None:
            continue
        if os.path.exists(f"/etc/{name}") and not os.path.islink(f"/etc/{name}"):
            wanted[f"/etc/{name}"] = False
    for name in _DEVICES:
        wanted[f"/dev/{name}"] = True
    for path, writable in paths.mounts:
        wanted[path] = writable
    sources = {path: (os.open(path, os.O_PATH | os.O_CLOEXEC), writable) for path, writable in wanted.items()}
    if os.path.islink("/etc/resolv.conf") and os.path.exists("/etc/resolv.conf"):
        sources["/etc/resolv.conf"] = (os.open("/etc/resolv.conf", os.O_PATH | os.O_CLOEXEC), False)
    sources[HIDDEN_PLAYS] = (os.open(paths.plays, os.O_PATH | os.O_CLOEXEC), True)
    # Parents before children, so that a mount inside another one is not covered by it.
    return dict(sorted(sources.items(), key=lambda source: source[0].count("/")))


def _bind(fd: int, target: str, writable: bool) -> None:
    inside = _STAGING + target
    source = f"/proc/self/fd/{fd}"
    if os.path.isdir(source):
        os.makedirs(inside, exist_ok=True)
    elif not os.path.lexists(inside):
        os.makedirs(os.path.dirname(inside), exist_ok=True)
        os.close(os.open(inside, os.O_WRONLY | os.O_CREAT, 0o644))
    kernel.mount(source, inside, None, kernel.MS_BIND | kernel.MS_REC)
    os.close(fd)
    if target.startswith("/dev/"):
        return
    kernel.set_mount_flags(inside, kernel.MS_NOSUID | kernel.MS_NODEV | (0 if writable else kernel.MS_RDONLY))


def _fill_etc(uid: int, gid: int, hosts: str | None) -> None:
    """passwd and group know the play's own user and nobody else; links among /etc are made again as links."""
    for name, text in (
        ("passwd", f"play:x:{uid}:{gid}:play:/tmp:/usr/sbin/nologin\n"),
        ("group", f"play:x:{gid}:\n"),
        *([("hosts", hosts)] if hosts is not None else []),
    ):
        with open(f"{_STAGING}/etc/{name}", "w", encoding="ascii") as file:
            file.write(text)
    for name in _ETC:
        inside = f"{_STAGING}/etc/{name}"
        if not os.path.lexists(inside) and not os.path.lexists(f"/etc/{name}"):
            continue
        if os.path.islink(f"/etc/{name}") and not os.path.lexists(inside):
            os.symlink(os.readlink(f"/etc/{name}"), inside)
