"""The sandbox of one play: it closes after the connections are made and before the play's code runs.

The order matters: mounts (needs the jail's privilege) → user namespace (its own, so that process limits are counted
per play) → limits → capabilities → no_new_privs → Landlock → seccomp.
"""

from __future__ import annotations

import os
import resource
from typing import Any

from . import kernel, seccomp
from .jail import Jail
from .root import EMPTY, HIDDEN_PLAYS, HIDDEN_TMP

_TMP = "mode=1777,size=256m,nr_inodes=65536"
_COVER = "mode=755,size=64k,nr_inodes=16"


def prepare(jail: Jail, level: str) -> kernel.Landlock | None:
    """All that is the same for every play: done by a process that waits for its order, so that no start waits for it."""
    if _own_mounts(jail):
        _common_mounts(jail)
    return _common_rules(jail) if level != "off" and kernel.LINUX else None


def close_around(jail: Jail, rules: kernel.Landlock | None, order: dict[str, Any], level: str) -> str:
    """Shuts the calling process in, and returns the path of its workdir as it is seen from inside."""
    workdir = _mount_workdir(jail, order) if _own_mounts(jail) else order["workdir"]
    if level != "off":
        _identity(jail)
    _limits(order["limits"], per_play=jail.user_ns and level != "off")
    if kernel.LINUX:
        if level != "off" or jail.user_ns:
            kernel.drop_capabilities()
        if level != "off":
            kernel.prctl(kernel.PR_SET_NO_NEW_PRIVS, 1)
            if rules:
                rules.allow(workdir, write=True)
                rules.enforce()
            seccomp.install()
    os.chdir(workdir)
    return workdir


def _own_mounts(jail: Jail) -> bool:
    return jail.mount_ns and jail.pid_ns


def what_will_hold(jail: Jail, level: str) -> tuple[str, list[str], list[str]]:
    """(level really enforced, means, what is missing) of each play of this jail."""
    enforced, missing = ["rlimits"], list(jail.missing)
    if jail.pid_ns:
        enforced.append("pid namespace")
    if level == "off":
        return "off", enforced, missing
    if not kernel.LINUX:
        return "off", enforced, missing
    enforced.append("no_new_privs")
    for holds, name in (
        (jail.mount_ns, "mount namespace"),
        (jail.ipc_ns, "ipc namespace"),
        (jail.network_closed, "no network"),
        (jail.user_ns, "user namespace"),
    ):
        if holds:
            enforced.append(name)
    if jail.uid != os.getuid() or jail.uid == 64210:
        enforced.append("own uid")
    abi = kernel.landlock_abi()
    (enforced if abi else missing).append("Landlock")
    (enforced if seccomp.available() else missing).append("seccomp")
    closed_without_namespace = abi >= 4 and not jail.network_closed
    isolating = jail.mount_ns and jail.pid_ns and (jail.network_closed or jail.host_network)
    if closed_without_namespace and not jail.host_network:
        enforced.append("no TCP")
    return ("default" if isolating else "off"), enforced, missing


def _common_mounts(jail: Jail) -> None:
    """Its own view: its processes, a /tmp, and of all plays' folders nothing yet."""
    kernel.unshare(kernel.CLONE_NEWNS)
    careful = kernel.MS_NOSUID | kernel.MS_NODEV
    kernel.mount("proc", "/proc", "proc", careful | kernel.MS_NOEXEC)
    kernel.mount("tmp", "/tmp", "tmpfs", careful, _TMP)
    for path in jail.paths.below_tmp():
        _show_again(path)
    kernel.mount(EMPTY, HIDDEN_TMP, None, kernel.MS_BIND)
    os.makedirs(jail.paths.shown_plays, exist_ok=True)
    kernel.mount("plays", jail.paths.shown_plays, "tmpfs", careful, _COVER)


def _mount_workdir(jail: Jail, order: dict[str, Any]) -> str:
    workdir = f"{jail.paths.shown_plays}/{order['sid']}/work"
    os.makedirs(workdir, mode=0o755)
    kernel.mount(HIDDEN_PLAYS + order["workdir"][len(jail.paths.plays) :], workdir, None, kernel.MS_BIND)
    kernel.mount(EMPTY, HIDDEN_PLAYS, None, kernel.MS_BIND)
    return workdir


def _show_again(path: str) -> None:
    source = HIDDEN_TMP + path[len("/tmp") :]
    if os.path.isdir(source):
        os.makedirs(path, exist_ok=True)
    elif not os.path.lexists(path):
        os.makedirs(os.path.dirname(path), exist_ok=True)
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT, 0o644))
    kernel.mount(source, path, None, kernel.MS_BIND | kernel.MS_REC)


def _identity(jail: Jail) -> None:
    if jail.user_ns:
        kernel.unshare(kernel.CLONE_NEWUSER)
        kernel.map_own_ids(jail.uid, jail.gid)
        if not seccomp.available():
            # A namespace below this one would give back capabilities, and with them the kernel's less trodden paths.
            with open("/proc/sys/user/max_user_namespaces", "w", encoding="ascii") as file:
                file.write("0")
    elif os.geteuid() == 0:
        os.setgroups([])
        os.setresgid(jail.gid, jail.gid, jail.gid)
        os.setresuid(jail.uid, jail.uid, jail.uid)


def _limits(limits: dict[str, Any], per_play: bool) -> None:
    names = {
        "nofile": resource.RLIMIT_NOFILE,
        "core": resource.RLIMIT_CORE,
        "fsize": resource.RLIMIT_FSIZE,
        "as": resource.RLIMIT_AS,
        "cpu": resource.RLIMIT_CPU,
        "nproc": resource.RLIMIT_NPROC,
    }
    for name, value in limits.items():
        if name == "nproc" and not per_play:
            continue  # counted per uid: one play's processes would be taken from its neighbours
        which = names[name]
        hard = resource.getrlimit(which)[1]
        value = value if hard == resource.RLIM_INFINITY else min(value, hard)
        try:
            resource.setrlimit(which, (value, value))
        except (OSError, ValueError):
            if kernel.LINUX:
                raise  # macOS refuses some of them


def _common_rules(jail: Jail) -> kernel.Landlock | None:
    abi = kernel.landlock_abi()
    if abi == 0:
        return None
    rules = kernel.Landlock(abi, deny_tcp=not jail.host_network)
    for path in jail.paths.readable(inside=jail.mount_ns):
        rules.allow(path, write=False)
    own_tmp = ["/tmp"] if _own_mounts(jail) else []
    devices = [f"/dev/{name}" for name in ("null", "zero", "full", "random", "urandom")]
    for path in (*own_tmp, *devices, *jail.paths.writable()):
        rules.allow(path, write=True)
    return rules
