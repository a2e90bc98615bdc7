"""The jail around the fork server: made once, entered before any play exists.

1. Only what is bound into the jail exists there: no sockets of services, no HERO_HOME, no files of other users.
2. Everything bound is read-only, without setuid and without devices, except the plays' folder and `:rw` mounts.
3. A process in the jail has no real privilege: a fork server that is started as root runs under a uid of its own.
4. A protection that this machine refuses is listed in `missing`, and `level` says which level really holds.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, NoReturn

from . import kernel
from .network import Network, refused_doors
from .root import JailPaths, build_root

# A uid and gid that nothing else on a machine uses; plays of a root executor run as this.
PLAY_UID = 64210


@dataclass
class Jail:
    """What holds around every play of this fork server."""

    uid: int
    gid: int
    paths: JailPaths
    mount_ns: bool = False
    network_closed: bool = False
    host_network: bool = False
    ipc_ns: bool = False
    user_ns: bool = False
    pid_ns: bool = False
    own_pid_ns_fd: int = -1
    network: Network | None = None
    missing: list[str] = field(default_factory=list)
    enforced: list[str] = field(default_factory=list)

    def lacks(self, what: str, error: OSError) -> None:
        self.missing.append(f"{what} ({error.strerror or error})")


def enter(settings: dict[str, Any], network: Network | None = None) -> Jail:
    """Builds the jail as far as this machine allows, and returns inside it, possibly in a child of the caller.

    The caller's process then only waits for that child and ends as it ends.
    """
    root = os.geteuid() == 0
    uid = PLAY_UID if root and settings["sandbox"] != "off" else os.geteuid()
    gid = PLAY_UID if root and settings["sandbox"] != "off" else os.getegid()
    jail = Jail(uid, gid, JailPaths.of(settings), host_network=settings["egress"] == "host")
    if network:
        jail.paths.hosts = network.etc_hosts()
    if not kernel.LINUX:
        jail.missing.append(f"namespaces and Landlock (not on {sys.platform})")
        return jail
    exposing = jail.paths.exposing(settings["shown_plays"])
    if exposing and settings["sandbox"] != "off":
        raise ValueError(f"{exposing} is shown to plays and holds HERO_HOME's own files; move HERO_HOME out of it")
    if settings["sandbox"] == "off":
        _pid_namespaces_only(jail, root)
    elif root:
        _as_root(jail)
    else:
        _unprivileged(jail)
    if network and settings["sandbox"] != "off":
        _through_proxy(jail, network)
    return jail


def _through_proxy(jail: Jail, network: Network) -> None:
    """Each slot will have a network of its own in place of the jail's, which is empty; where it cannot, plays reach nothing."""
    closed = jail.network_closed and jail.pid_ns
    refused = refused_doors(network) if closed else {0: "it needs a network and a pid namespace"}
    if 0 in refused:
        jail.missing.append(f"egress proxy ({refused[0]})")
        return
    jail.missing += [f"egress to {entry}" for entry in network.leave_out(refused)]
    jail.network = network


def _as_root(jail: Jail) -> None:
    if _try(jail, "mount namespace", kernel.CLONE_NEWNS | kernel.CLONE_NEWUTS):
        # The root is built and entered with real privilege, so that no mount of it can be undone from inside.
        build_root(jail.paths, jail.uid, jail.gid)
        jail.mount_ns = True
    jail.ipc_ns = _try(jail, "ipc namespace", kernel.CLONE_NEWIPC)
    jail.network_closed = not jail.host_network and _try(jail, "network namespace", kernel.CLONE_NEWNET)
    os.setgroups([])
    os.setresgid(jail.gid, jail.gid, jail.gid)
    # Keeping uid 0 until here lets a machine without user namespaces fall back to it (`launch` then changes the uid).
    if os.access("/proc/self/ns/user", os.F_OK) and _user_namespaces():
        os.setresuid(jail.uid, jail.uid, jail.uid)
        kernel.prctl(kernel.PR_SET_DUMPABLE, 1)  # else /proc/self/uid_map belongs to root
        kernel.unshare(kernel.CLONE_NEWUSER)
        kernel.map_own_ids(jail.uid, jail.gid)
        jail.user_ns = True
        if jail.mount_ns:
            kernel.unshare(kernel.CLONE_NEWNS)  # a copy that belongs to the user namespace: each play mounts on it
    else:
        jail.missing.append("user namespace (switched off on this machine)")
    _own_pid_namespace(jail, lambda: _mount_proc(jail))


def _unprivileged(jail: Jail) -> None:
    closed = not jail.host_network
    if not _try(jail, "user namespace", kernel.CLONE_NEWUSER):
        jail.missing += ["mount namespace", "pid namespace"] + (["network namespace"] if closed else [])
        return
    kernel.map_own_ids(jail.uid, jail.gid)
    jail.user_ns = True
    jail.mount_ns = _try(jail, "mount namespace", kernel.CLONE_NEWNS | kernel.CLONE_NEWUTS)
    jail.ipc_ns = _try(jail, "ipc namespace", kernel.CLONE_NEWIPC)
    jail.network_closed = not jail.host_network and _try(jail, "network namespace", kernel.CLONE_NEWNET)
    # The root is built by the child: a proc can only be mounted from inside its PID namespace.
    _own_pid_namespace(jail, lambda: build_root(jail.paths, jail.uid, jail.gid) if jail.mount_ns else None)


def _pid_namespaces_only(jail: Jail, root: bool) -> None:
    if not root:
        if not _try(jail, "user namespace", kernel.CLONE_NEWUSER):
            jail.missing.append("pid namespace")
            return
        kernel.map_own_ids(jail.uid, jail.gid)
        jail.user_ns = True
    _own_pid_namespace(jail, lambda: None)


def _own_pid_namespace(jail: Jail, inside: Callable[[], None]) -> None:
    """Goes on as pid 1 of a PID namespace that belongs to the jail: only there each play can be given one of its own."""
    if not _try(jail, "pid namespace", kernel.CLONE_NEWPID):
        inside()
        return
    # What the child has to say about a failure goes to the channel itself: both hold it.
    child = os.fork()
    if child:
        _wait_for(child)
    kernel.prctl(kernel.PR_SET_PDEATHSIG, signal.SIGKILL)
    inside()
    jail.pid_ns = True
    jail.own_pid_ns_fd = os.open("/proc/self/ns/pid", os.O_RDONLY | os.O_CLOEXEC)


def _mount_proc(jail: Jail) -> None:
    if not jail.mount_ns:
        return
    kernel.mount("proc", "/proc", "proc", kernel.MS_NOSUID | kernel.MS_NODEV | kernel.MS_NOEXEC)


def _wait_for(child: int) -> NoReturn:
    """The outer process: keeps nothing open that would hide the inner one's end, and ends with it."""
    os.closerange(3, 1024)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    while True:
        try:
            _, status = os.waitpid(child, 0)
        except InterruptedError:
            continue
        os._exit(os.waitstatus_to_exitcode(status) & 0xFF)


def _try(jail: Jail, what: str, flags: int) -> bool:
    try:
        kernel.unshare(flags)
    except OSError as error:
        jail.lacks(what, error)
        return False
    return True


def _user_namespaces() -> bool:
    """Whether this machine lets a process without privilege make one: asked in a child, because it cannot be undone."""
    child = os.fork()
    if child == 0:
        try:
            os.setresuid(PLAY_UID, PLAY_UID, PLAY_UID)
            kernel.prctl(kernel.PR_SET_DUMPABLE, 1)
            kernel.unshare(kernel.CLONE_NEWUSER)
            kernel.map_own_ids(PLAY_UID, PLAY_UID)
            kernel.unshare(kernel.CLONE_NEWPID)  # AppArmor lets the namespace be made and then gives it no capability
        except OSError:
            os._exit(1)
        os._exit(0)
    return os.waitpid(child, 0)[1] == 0
