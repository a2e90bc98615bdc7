"""uv and pip behind one interface: `resolve` finds the releases, `install` puts exactly these into a folder.

1. Only wheels are taken. Building a source distribution runs code of the package, and an installer runs outside the sandbox.
2. A lock is releases and hashes of files. It is installed without looking at dependencies, and a file with another hash is refused.
3. The index is what the usual variables say, for both: what is set for one of them counts for the other one too.
"""

from __future__ import annotations

import ast
import importlib.util
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from typing import Protocol

from . import folders
from .processes import Failed, Log, run

__all__ = ["Failed", "Installer", "installer"]

UV = "uv==0.13.9"

Package = dict[str, object]
Environment = dict[str, str]


class Installer(Protocol):
    def resolve(self, requirements: list[str], log: Log) -> list[Package]: ...

    def install(self, packages: list[Package], folder: str, log: Log) -> None: ...


def installer(wanted: str, tools: str, log: Log) -> Installer:
    """`wanted`: uv, pip, or auto for uv where it is there or can be had."""
    uv = None if wanted == "pip" else _find_uv(tools, log)
    if uv is not None:
        return _Uv(uv, tools)
    if wanted != "uv" and _has_pip():
        return _Pip()
    if wanted == "auto":
        raise Failed(
            f"there is neither uv nor pip for {sys.executable}: install uv, or Python's pip (Debian: apt-get install python3-pip)"
        )
    raise Failed(f"HERO_INSTALLER={wanted}, but {wanted} is not there for {sys.executable}: install it")


class _Uv:
    def __init__(self, uv: str, tools: str) -> None:
        self._uv = uv
        self._env = {"UV_CACHE_DIR": os.path.join(tools, "uv-cache"), **_for_uv(os.environ)}

    def resolve(self, requirements: list[str], log: Log) -> list[Package]:
        with tempfile.TemporaryDirectory() as folder:
            given, lock = os.path.join(folder, "requirements.in"), os.path.join(folder, "lock.txt")
            _write(given, requirements)
            command = ["compile", "--generate-hashes", "--no-header", "--no-annotate", "--quiet", given, "-o", lock]
            self._run(command, folder, log)
            with open(lock, encoding="utf-8") as file:
                return _locked(file.read())

    def install(self, packages: list[Package], folder: str, log: Log) -> None:
        with tempfile.TemporaryDirectory() as own:
            lock = os.path.join(own, "lock.txt")
            _write(lock, map(_line, packages))
            command = ["install", "--target", folder, "--no-deps", "--require-hashes", "--compile-bytecode", "-r", lock]
            self._run(command, own, log)

    def _run(self, command: list[str], folder: str, log: Log) -> None:
        common = ["--only-binary", ":all:", "--python", sys.executable, "--color", "never", "--no-progress"]
        run("uv", [self._uv, "pip", *command, *common], self._env, folder, log)


class _Pip:
    def __init__(self) -> None:
        self._env = _for_pip(os.environ)

    def resolve(self, requirements: list[str], log: Log) -> list[Package]:
        with tempfile.TemporaryDirectory() as folder:
            given, report = os.path.join(folder, "requirements.in"), os.path.join(folder, "report.json")
            _write(given, requirements)
            self._run(["--dry-run", "--ignore-installed", "--report", report, "-r", given], folder, log)
            with open(report, encoding="utf-8") as file:
                found = json.load(file)["install"]
        return [_of_report(item) for item in found]

    def install(self, packages: list[Package], folder: str, log: Log) -> None:
        with tempfile.TemporaryDirectory() as own:
            lock = os.path.join(own, "lock.txt")
            _write(lock, map(_line, packages))
            self._run(["--target", folder, "--no-deps", "--require-hashes", "-r", lock], own, log)

    def _run(self, command: list[str], folder: str, log: Log) -> None:
        quiet = ["--no-input", "--progress-bar", "off", "--disable-pip-version-check", "--no-color"]
        run("pip", [*_PIP, "install", *command, "--only-binary", ":all:", *quiet], self._env, folder, log)


_PIP = (sys.executable, "-s", "-m", "pip")


def _write(path: str, lines: object) -> None:
    with open(path, "w", encoding="utf-8") as file:
        file.writelines(f"{line}\n" for line in lines)  # type: ignore[attr-defined]


def _line(package: Package) -> str:
    hashes = "".join(f" --hash={value}" for value in package["hashes"])  # type: ignore[attr-defined]
    return f"{package['name']}=={package['version']}{hashes}"


def _locked(text: str) -> list[Package]:
    """The lines `name==version --hash=sha256:… --hash=…` of a requirements file."""
    packages: list[Package] = []
    for line in text.replace("\\\n", " ").splitlines():
        words = line.split()
        if not words or words[0].startswith("#"):
            continue
        name, _, version = words[0].partition("==")
        hashes = [word[len("--hash=") :] for word in words if word.startswith("--hash=")]
        packages.append({"name": name.split("[")[0], "version": version, "hashes": hashes})
    return packages


def _of_report(item: dict) -> Package:  # type: ignore[type-arg]
    hashes = item["download_info"]["archive_info"]["hashes"]
    name, version = item["metadata"]["name"], item["metadata"]["version"]
    return {"name": name, "version": version, "hashes": [f"sha256:{hashes['sha256']}"]}


def _find_uv(tools: str, log: Log) -> str | None:
    found = shutil.which("uv")
    if found is not None:
        return found
    name = UV.replace("==", "-").replace(".", "_")
    program = os.path.join(tools, name, "bin", "uv")
    if not os.path.exists(program):
        if not _has_pip():
            return None

        def install(draft: str) -> None:
            options = ["--no-deps", "--only-binary", ":all:", "--retries", "0", "--quiet"]
            run("pip", [*_PIP, "install", "--target", draft, *options, UV], _for_pip(os.environ), draft, log)

        try:
            folders.make_once(tools, name, install, lambda: log("another executor installs uv; waiting for it"))
        except Failed as error:
            log(f"uv could not be had ({error}); pip installs")
            return None
    return program


def _has_pip() -> bool:
    return importlib.util.find_spec("pip") is not None


def _for_pip(given: Mapping[str, str]) -> Environment:
    env = {**given, "PIP_ROOT_USER_ACTION": "ignore"}
    _default(env, "PIP_INDEX_URL", given.get("UV_DEFAULT_INDEX") or given.get("UV_INDEX_URL"))
    _default(env, "PIP_EXTRA_INDEX_URL", given.get("UV_INDEX") or given.get("UV_EXTRA_INDEX_URL"))
    _default(env, "PIP_FIND_LINKS", " ".join(given.get("UV_FIND_LINKS", "").split(",")))
    _default(env, "PIP_NO_INDEX", given.get("UV_NO_INDEX"))
    return env


def _for_uv(given: Mapping[str, str]) -> Environment:
    env = dict(given)
    pip = _pip_configuration()
    if "UV_INDEX_URL" not in env:
        _default(env, "UV_DEFAULT_INDEX", pip.get("index-url"))
    if "UV_EXTRA_INDEX_URL" not in env:
        _default(env, "UV_INDEX", pip.get("extra-index-url"))
    _default(env, "UV_FIND_LINKS", ",".join(pip.get("find-links", "").split()))
    _default(env, "UV_NO_INDEX", pip.get("no-index"))
    _default(env, "UV_INSECURE_HOST", pip.get("trusted-host"))
    _default(env, "SSL_CERT_FILE", pip.get("cert"))
    return env


def _pip_configuration() -> dict[str, str]:
    """What pip would use, from its files and its variables; those go before the files."""
    if not _has_pip():
        return {}
    listed = subprocess.run([*_PIP, "config", "list"], capture_output=True, text=True, check=False).stdout
    lines = [line.split("=", 1) for line in listed.splitlines() if "=" in line]
    lines.sort(key=lambda line: line[0].startswith(":env:"))
    return {key.rsplit(".", 1)[-1]: str(ast.literal_eval(value)) for key, value in lines}


def _default(env: Environment, name: str, value: str | None) -> None:
    if value and not env.get(name):
        env[name] = value
