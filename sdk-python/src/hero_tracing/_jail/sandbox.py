"""The sandbox of one play: it closes after the connections are made and before the play's code runs.

The order matters: mounts (needs the jail's privilege) → user namespace (its own, so that process limits are counted
per play) → limits → capabilities → no_new_privs → Landlock → seccomp.

An armed child is closed in before it is known which play it becomes. What is left to do then needs no privilege: its folder
gets the play's name, and a second layer of Landlock takes the right to do that away.
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
_DEVICES = tuple(f"/dev/{name}" for name in ("null", "zero", "full", "random", "urandom"))

# Folders and devices that every play may use: descriptor, whether it is a folder, rights.
CommonRules = list[tuple[int, bool, int]]


def prepare(jail: Jail, level: str) -> CommonRules | None:
    """All that is the same for the children of a slot: done once, by its init."""
    if own_mounts(jail):
        kernel.unshare(kernel.CLONE_NEWNS)
        kernel.mount("proc", "/proc", "proc", kernel.MS_NOSUID | kernel.MS_NODEV | kernel.MS_NOEXEC)
    return _common_rules(jail) if level != "off" and kernel.LINUX else None


class Closing:
    """Shuts the calling process in, step by step."""

    def __init__(self, jail: Jail, level: str, folder: str, name: str, common: CommonRules | None) -> None:
        self._jail, self._level = jail, level
        self.workdir = _mount_own(jail, folder, name) if own_mounts(jail) else folder
        if common is None and level != "off" and kernel.LINUX:
            common = _common_rules(jail)
        abi = kernel.landlock_abi() if common is not None else 0
        self._rules = self._last = None
        if common is not None and abi > 0:
            self._rules = kernel.Landlock(abi, deny_tcp=not jail.host_network)
            for fd, is_folder, rights in common:
                self._rules.allow_opened(fd, is_folder, rights)
            for port in jail.network.ports if jail.network else ():
                self._rules.allow_connect(port)
            own = [self.workdir, *(["/tmp"] if own_mounts(jail) else [])]
            for path in own:
                self._rules.allow(path, kernel.LANDLOCK_ALL)
            if own_mounts(jail):
                self._rules.allow(jail.paths.shown_plays, kernel.LANDLOCK_FOLDERS)
                self._last = kernel.Landlock(abi, False, kernel.LANDLOCK_FOLDERS | kernel.LANDLOCK_REFER)
                for path in (*own, *jail.paths.writable()):
                    self._last.allow(path, kernel.LANDLOCK_ALL)

    def fds(self) -> list[int]:
        return [rules.fd for rules in (self._last, self._rules) if rules]

    def moved_to(self, fds: list[int]) -> None:
        for rules, fd in zip([rules for rules in (self._last, self._rules) if rules], fds):
            rules.fd = fd

    def close(self, limits: dict[str, Any]) -> None:
        """From here on only `rename` and `finish` are left to do."""
        jail, level = self._jail, self._level
        if level != "off":
            _identity(jail)
        _limits(limits, per_play=jail.user_ns and level != "off")
        if kernel.LINUX:
            if level != "off" or jail.user_ns:
                kernel.drop_capabilities()
            if level != "off":
                kernel.prctl(kernel.PR_SET_NO_NEW_PRIVS, 1)
                if self._rules:
                    self._rules.enforce()
                seccomp.install()
        os.chdir(self.workdir)

    def rename(self, sid: str) -> str:
        """Gives the folder the name of the play; only where `own_mounts`."""
        plays = self._jail.paths.shown_plays
        os.rename(os.path.dirname(self.workdir), f"{plays}/{sid}")
        self.workdir = f"{plays}/{sid}/work"
        return self.workdir

    def finish(self) -> None:
        if self._last:
            self._last.enforce()
            self._last = None


def own_mounts(jail: Jail) -> bool:
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
        (jail.network_closed, "network by proxy only" if jail.network else "no network"),
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


def _mount_own(jail: Jail, folder: str, name: str) -> str:
    """Its own view: a /tmp, and of all plays' folders its own. It goes with the last process that has it."""
    kernel.unshare(kernel.CLONE_NEWNS)
    careful = kernel.MS_NOSUID | kernel.MS_NODEV
    kernel.mount("tmp", "/tmp", "tmpfs", careful, _TMP)
    for path in jail.paths.below_tmp():
        _show_again(path)
    kernel.mount(EMPTY, HIDDEN_TMP, None, kernel.MS_BIND)
    os.makedirs(jail.paths.shown_plays, exist_ok=True)
    kernel.mount("plays", jail.paths.shown_plays, "tmpfs", careful, _COVER)
    workdir = f"{jail.paths.shown_plays}/{name}/work"
    os.makedirs(workdir, mode=0o755)
    kernel.mount(HIDDEN_PLAYS + folder[len(jail.paths.plays) :], workdir, None, kernel.MS_BIND)
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


def _common_rules(jail: Jail) -> CommonRules:
    given = [(path, kernel.LANDLOCK_READ) for path in jail.paths.readable(inside=jail.mount_ns)]
    given += [(path, kernel.LANDLOCK_ALL) for path in (*_DEVICES, *jail.paths.writable())]
    opened = [(kernel.open_for_rule(path), rights) for path, rights in given]
    return [(*found, rights) for found, rights in opened if found]
