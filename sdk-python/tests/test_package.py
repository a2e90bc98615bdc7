"""The SDK as it is installed: wheel and sdist, in a clean environment of every Python that can be found, from 3.10 on.

The build needs hatchling, which belongs to the `dev` extra. Nothing is fetched from an index: the SDK has no dependencies.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

SDK = Path(__file__).parents[1]
VERSIONS = [f"3.{minor}" for minor in range(10, 16)]
README = (SDK.parent / "README.md").read_text("utf-8")


def run(*command: str | Path, cwd: Path, **options: str) -> str:
    """The output of a program that must succeed, in an environment without the SDK."""
    env = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "HERO_SECRETS_FILE")}
    ran = subprocess.run([str(word) for word in command], cwd=cwd, env=env, capture_output=True, text=True, encoding="utf-8", timeout=120, **options)  # type: ignore[call-overload]  # fmt: skip
    assert ran.returncode == 0, f"{command} ended with {ran.returncode}:\n{ran.stdout}{ran.stderr}"
    return str(ran.stdout)


def interpreter(version: str) -> str | None:
    """A Python of this version: on the path, or of pyenv, or the one that runs the tests. A shim without its version does not count."""
    pyenv = Path(os.environ.get("PYENV_ROOT") or "~/.pyenv").expanduser() / "versions"
    beside = sorted(str(path) for path in pyenv.glob(f"{version}.*/bin/python{version}"))
    for candidate in (shutil.which(f"python{version}"), *beside, sys.executable):
        if candidate is None:
            continue
        told = subprocess.run([candidate, "-c", "import sys; print('%d.%d' % sys.version_info[:2])"], capture_output=True, text=True)  # fmt: skip
        if told.returncode == 0 and told.stdout.strip() == version:
            return candidate
    return None


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Wheel and sdist."""
    pytest.importorskip("hatchling", reason="pip install -e 'sdk-python[dev]'")
    folder = tmp_path_factory.mktemp("dist")
    run(sys.executable, "-m", "hatchling", "build", "-d", folder, cwd=SDK)
    [wheel], [sdist] = folder.glob("*.whl"), folder.glob("*.tar.gz")
    return wheel, sdist


@pytest.fixture
def hello(tmp_path: Path) -> Path:
    """The README's first flow, in a folder of its own."""
    found = re.search(r"```python\n# hello\.py\n(.*?)```", README, re.DOTALL)
    assert found is not None
    file = tmp_path / "hello.py"
    file.write_text(found[1], "utf-8")
    return file


def test_wheel_and_sdist_have_the_package_and_nothing_else(built: tuple[Path, Path]) -> None:
    wheel, sdist = built
    sources = {str(path.relative_to(SDK / "src")) for path in (SDK / "src").rglob("*.py")}
    with zipfile.ZipFile(wheel) as packed:
        names = set(packed.namelist())
        metadata = packed.read(next(name for name in names if name.endswith("/METADATA"))).decode()
    assert {name for name in names if ".dist-info/" not in name} == {*sources, "hero_tracing/py.typed"}
    assert not re.search(r"^Requires-Dist: (?!.*extra ==)", metadata, re.MULTILINE), "it has no dependencies"
    with tarfile.open(sdist) as archive:
        inside = {name.split("/", 1)[1] for name in archive.getnames() if "/" in name}
    assert {f"src/{name}" for name in sources} <= inside and "src/hero_tracing/py.typed" in inside
    assert not any("__pycache__" in name for name in inside)


def test_the_sdist_makes_the_same_wheel(built: tuple[Path, Path], tmp_path: Path) -> None:
    wheel, sdist = built
    pip = (sys.executable, "-m", "pip", "wheel", "--quiet", "--disable-pip-version-check", "--no-deps")
    run(*pip, "--no-build-isolation", "--no-index", "-w", tmp_path, sdist, cwd=tmp_path)
    with zipfile.ZipFile(wheel) as ours, zipfile.ZipFile(tmp_path / wheel.name) as again:
        contents = {name: ours.read(name) for name in ours.namelist()}
        assert {name: again.read(name) for name in again.namelist()} == contents


@pytest.mark.parametrize("version", VERSIONS)
def test_the_first_flow_runs_with(version: str, built: tuple[Path, Path], hello: Path) -> None:
    python = interpreter(version)
    if python is None:
        pytest.skip(f"there is no Python {version} here")
    folder = hello.parent
    run(python, "-m", "venv", "--without-pip", folder / "clean", cwd=folder)
    clean = folder / "clean" / ("Scripts" if os.name == "nt" else "bin") / "python"
    pip = (sys.executable, "-m", "pip", "--python", clean, "install", "--quiet", "--disable-pip-version-check")
    run(*pip, "--no-index", "--no-compile", built[0], cwd=folder)
    play = (clean, "-W", "error", "-m", "hero_tracing", hello, "--json", "--input", 'words=["tea", "coffee"]')
    told = run(*play, cwd=folder, input="Ada\n")
    assert json.loads(told) == {"status": "success", "output": {"message": "Ada, the longest word is coffee."}}
