"""Folders that exist whole or not at all, made by whoever of several processes comes first.

1. A folder is made as a draft, written to the disk, and then renamed: what was cut never has the final name.
2. Who makes or removes a folder holds its lock file alone (`flock`), who uses it holds it shared (`_jail/packages.py`). The kernel
   releases both when the holder ends, however it ends.
3. A lock file is removed only while it is held alone, and whoever gets a lock looks whether its file is still there.
4. Drafts and folders to be removed have names that begin with a dot; what a killed process left of them is removed by the next.
"""

from __future__ import annotations

import ctypes
import fcntl
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

_LOCK = ".lock"


def make_once(root: str, name: str, make: Callable[[str], None], wait: Callable[[], None]) -> bool:
    """Makes root/name unless it is there. `make` fills a draft; `wait` is called if another process is at it."""
    final = os.path.join(root, name)
    if os.path.isdir(final):
        return False
    os.makedirs(root, exist_ok=True)
    with _alone(lock_of(root, name), wait) as held:
        assert held
        if os.path.isdir(final):
            return False
        _remove_left(root, name)
        draft = tempfile.mkdtemp(prefix=f".{name}.", dir=root)
        try:
            os.chmod(draft, 0o755)
            make(draft)
            _to_disk(draft)
            os.rename(draft, final)
            _to_disk(root)
        except BaseException:
            shutil.rmtree(draft, ignore_errors=True)
            raise
    return True


def sweep(root: str, needed: set[str], keep_seconds: float) -> list[str]:
    """Removes the folders that are not needed, that nobody uses now and that nobody used for a while."""
    removed = []
    for name in sorted(_names(root)):
        lock = lock_of(root, name)
        if name in needed or _used_within(lock, keep_seconds):
            continue
        with _alone(lock, None) as held:
            if not held:
                continue
            if os.path.isdir(os.path.join(root, name)):
                # Renamed first: a folder that is half removed never has the final name.
                os.rename(os.path.join(root, name), tempfile.mkdtemp(prefix=f".{name}.", dir=root))
                removed.append(name)
            _remove_left(root, name)
            os.unlink(lock)
    return removed


def lock_of(root: str, name: str) -> str:
    return os.path.join(root, name + _LOCK)


def _names(root: str) -> set[str]:
    """Of folders, of locks without a folder, and of what was left of folders."""
    try:
        entries = os.listdir(root)
    except FileNotFoundError:
        return set()
    return {entry.lstrip(".").split(".")[0] for entry in entries}


def _used_within(lock: str, seconds: float) -> bool:
    try:
        return time.time() - os.stat(lock).st_mtime < seconds
    except FileNotFoundError:
        return False


@contextmanager
def _alone(path: str, wait: Callable[[], None] | None) -> Iterator[bool]:
    """Holds the lock file alone; without `wait` only if that is possible now."""
    while True:
        fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            try:
                fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if wait is None:
                    yield False
                    return
                wait()
                fcntl.flock(fd, fcntl.LOCK_EX)
            if not _is_at(fd, path):
                continue  # it was removed while this process waited (rule 3)
            os.utime(fd)
            yield True
            return
        finally:
            os.close(fd)


def _is_at(fd: int, path: str) -> bool:
    try:
        return os.path.samestat(os.fstat(fd), os.stat(path))
    except FileNotFoundError:
        return False


def _remove_left(root: str, name: str) -> None:
    for entry in os.listdir(root):
        if entry.startswith(f".{name}."):
            shutil.rmtree(os.path.join(root, entry), ignore_errors=True)


def _to_disk(folder: str) -> None:
    """Everything that was written to this file system, before the rename that makes it visible."""
    fd = os.open(folder, os.O_RDONLY)
    try:
        syncfs = getattr(ctypes.CDLL(None, use_errno=True), "syncfs", None)
        if syncfs is None:
            os.sync()
            os.fsync(fd)
        elif syncfs(fd) != 0:
            code = ctypes.get_errno()
            raise OSError(code, os.strerror(code), folder)
    finally:
        os.close(fd)
