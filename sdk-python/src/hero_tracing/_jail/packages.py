"""The packages of a fork server's plays: a folder that an executor has installed, shared by all plays with the same lock.

1. The folder is read-only in the jail and is no site folder: no `.pth` file and no `sitecustomize` of a package runs in the fork
   server. Only a module that HERO_PRELOAD names is imported there, after the jail has closed.
2. While a fork server lives it holds its folder's lock file (shared `flock`): whoever removes the folder must hold it alone.
3. What the interpreter itself has installed is not visible behind the packages, unless the SDK is among it.
"""

from __future__ import annotations

import fcntl
import importlib
import importlib.util
import os
import site
import sys


def hold(packages: dict[str, str] | None) -> str | None:
    """The folder, held for as long as this process or a child of it lives."""
    if packages is None:
        return None
    lock = os.open(packages["lock"], os.O_RDONLY | os.O_CREAT | os.O_CLOEXEC, 0o644)
    fcntl.flock(lock, fcntl.LOCK_SH)
    if not os.path.isdir(packages["folder"]):
        raise FileNotFoundError(f"the packages in {packages['folder']} were removed")
    return packages["folder"]


def show(folder: str) -> None:
    """Makes the packages importable, after the standard library, where installed packages stand."""
    installed = {os.path.realpath(path) for path in (*site.getsitepackages(), site.getusersitepackages())}
    sdk = os.path.realpath(os.path.join(os.path.dirname(__file__), "..", ".."))
    if sdk not in installed:
        sys.path[:] = [path for path in sys.path if os.path.realpath(path) not in installed]
    sys.path.append(folder)
    importlib.invalidate_caches()


def preload(modules: list[str], strict: bool) -> dict[str, str]:
    """Imports the modules that are installed. Returns the others, each with the reason."""
    left: dict[str, str] = {}
    for name in modules:
        try:
            if importlib.util.find_spec(name.split(".")[0]) is None:
                left[name] = "it is not installed"
                continue
            importlib.import_module(name)
        except Exception as error:
            if strict:
                raise ImportError(
                    f"cannot import {name}: {error}; install it or take it out of HERO_PRELOAD"
                ) from error
            left[name] = f"{type(error).__name__}: {error}"
    return left
