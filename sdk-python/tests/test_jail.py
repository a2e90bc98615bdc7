"""Attacks from inside a play at level `default`, with the answer each must get. As root, and as a user without privilege."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from _forkserver_executor import Executor

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the jail is Linux's")
SYSTEM_PYTHON = "/usr/bin/python3"


@pytest.fixture(scope="module", params=["own", "unprivileged"])
def executor(request: pytest.FixtureRequest) -> Iterator[Executor]:
    as_other = request.param == "unprivileged"
    if as_other and not (os.getuid() == 0 and _readable_by_other(SYSTEM_PYTHON) and _readable_by_other(__file__)):
        pytest.skip("needs root, a system-wide Python and a checkout that others can read")
    with tempfile.TemporaryDirectory() as folder:
        for name in ("read", "write"):
            Path(folder, name).mkdir(mode=0o777)
            os.chmod(Path(folder, name), 0o777)
        os.chmod(folder, 0o755)
        Path(folder, "read", "data").write_text("shared")
        mounts = [{"path": f"{folder}/read", "writable": False}, {"path": f"{folder}/write", "writable": True}]
        other = {"uid": 64333, "python": SYSTEM_PYTHON} if as_other else {}
        with Executor(mounts=mounts, **other) as started:
            if started.ready["level"] != "default":
                pytest.skip(f"this machine refuses {started.ready['missing']}")
            yield started


def _readable_by_other(path: str) -> bool:
    command = ["setpriv", "--reuid=64333", "--regid=64333", "--clear-groups", "test", "-r", path]
    return subprocess.run(command, check=False).returncode == 0


def attack(executor: Executor, text: str) -> Any:
    play = executor.start(text)
    said = play.says()
    play.exit()
    return said


def refused(executor: Executor, text: str) -> None:
    said = attack(executor, f"import os, socket, ctypes\n{text}\nsay('it worked')")
    assert isinstance(said, dict) and said["error"] in {
        "PermissionError", "FileNotFoundError", "OSError", "NotADirectoryError", "ProcessLookupError",
    }, said  # fmt: skip


def test_it_has_no_capability_and_cannot_get_one(executor: Executor) -> None:
    status = attack(executor, "say(open('/proc/self/status').read())")
    lines = dict(line.split(":\t") for line in status.splitlines() if ":\t" in line)
    assert [int(lines[name], 16) for name in ("CapPrm", "CapEff", "CapInh", "CapAmb")] == [0, 0, 0, 0]
    assert (lines["NoNewPrivs"], lines["Seccomp"]) == ("1", "2")


@pytest.mark.parametrize(
    "text",
    [
        "open('/etc/shadow')",
        "os.listdir('/root')",
        "os.listdir('/')",
        "open('/usr/new', 'w')",
        "open('/new', 'w')",
        "open('/etc/passwd', 'a')",
        "os.chmod('/usr/bin/env', 0o777)",
        "os.unshare(0x10000000) if hasattr(os, 'unshare') else ctypes.CDLL(None, use_errno=True).unshare(0x10000000) and open('/none')",
        "ctypes.CDLL(None).mount(b'x', b'/tmp', b'tmpfs', 0, None) and open('/none')",
        "os.open('/proc/1/root/etc/passwd', os.O_RDONLY)",
        "open('/proc/1/environ').read()",
        "open('/proc/1/mem', 'rb').read(1)",
        "os.readlink('/proc/1/cwd')",
        "open('/proc/sys/kernel/hostname', 'w').write('x')",
        "open('/proc/sysrq-trigger', 'w').write('x')",
    ],
)
def test_the_machine_is_out_of_reach(executor: Executor, text: str) -> None:
    refused(executor, text)


def test_its_python_and_the_sdk_are_read_only(executor: Executor) -> None:
    for text in ("import json; open(json.__file__, 'a')", "import hero_tracing; open(hero_tracing.__file__, 'a')"):
        refused(executor, text)
    refused(executor, "import site; open(site.getsitepackages()[0] + '/evil.pth', 'w')")


def test_heros_own_files_and_other_plays_are_not_there(executor: Executor) -> None:
    neighbour = executor.start(
        "open('secret', 'w').write('mine')\nsay('up')\nimport time\ntime.sleep(1000)", sid="neighbour"
    )
    assert neighbour.says() == "up"
    home = executor.home
    for path in (
        executor.secret,
        executor.address,
        neighbour.workdir / "secret",
        home / "var/plays/neighbour/work/secret",
    ):
        refused(executor, f"open({str(path)!r})")
    refused(executor, f"socket.socket(socket.AF_UNIX).connect({executor.address!r})")
    seen = attack(
        executor, f"import os\nsay([os.listdir({str(home)!r} + '/var'), os.listdir('/.plays'), os.listdir('/.tmp')])"
    )
    assert isinstance(seen, dict), seen
    pids = attack(executor, "import os\nsay(sorted(p for p in os.listdir('/proc') if p.isdigit()))")
    assert pids == ["1", "2"]
    executor.send({"t": "kill", "id": neighbour.number})
    neighbour.exit()


def test_it_reaches_no_network(executor: Executor) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        refused(executor, f"socket.create_connection(('127.0.0.1', {port}), timeout=2)")
    refused(executor, "socket.create_connection(('1.1.1.1', 53), timeout=2)")
    refused(executor, "socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b'x', ('1.1.1.1', 53))")
    refused(executor, "socket.create_server(('0.0.0.0', 0))")
    for family in ("AF_UNIX", "AF_NETLINK", "AF_PACKET", "AF_ALG", "AF_VSOCK"):
        refused(executor, f"socket.socket(socket.{family}, socket.SOCK_DGRAM)")
    refused(executor, "socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)")


def test_what_plays_need_still_works(executor: Executor) -> None:
    said = attack(
        executor,
        "import asyncio, os, subprocess, tempfile, threading, socket, multiprocessing, ssl, pwd, getpass\n"
        "async def f(): return 5\n"
        "t = threading.Thread(target=lambda: None); t.start(); t.join()\n"
        "with tempfile.TemporaryFile() as x: x.write(b'1')\n"
        "open('file', 'w').write('x'); os.mkdir('d'); os.rename('file', 'd/file'); os.link('d/file', 'e')\n"
        "open('/dev/null', 'w').write('x'); a, b = socket.socketpair(); multiprocessing.Lock()\n"
        "say([asyncio.run(f()), subprocess.run(['sh', '-c', 'echo $HOME'], capture_output=True, text=True).stdout.strip() == os.getcwd(),"
        " pwd.getpwuid(os.getuid()).pw_name])",
    )
    assert said == [5, True, "play"]


def test_mounts_are_seen_at_their_own_path_and_only_rw_ones_take_writes(executor: Executor) -> None:
    read, write = (mount["path"] for mount in executor.settings["mounts"])
    said = attack(executor, f"open({write!r} + '/out', 'w').write('made')\nsay(open({read!r} + '/data').read())")
    assert said == "shared"
    assert Path(write, "out").read_text() == "made"
    refused(executor, f"open({read!r} + '/new', 'w')")
    refused(executor, f"os.remove({read!r} + '/data')")
    refused(executor, f"os.link({read!r} + '/data', 'stolen')")


def test_each_play_has_its_own_tmp_and_an_empty_workdir(executor: Executor) -> None:
    attack(executor, "open('/tmp/left', 'w'); open('left', 'w'); say(1)")
    assert attack(executor, "import os\nsay([os.listdir('/tmp'), os.listdir('.')])")[1] == []
    assert "left" not in attack(executor, "import os\nsay(os.listdir('/tmp'))")


def test_a_fork_bomb_hits_itself_and_a_neighbour_starts_all_the_same(executor: Executor) -> None:
    bomb = executor.start(
        "import os, time\nn = 0\n"
        "try:\n"
        "    while True:\n"
        "        if os.fork() == 0: time.sleep(1000)\n"
        "        n += 1\n"
        "except BlockingIOError: say(n)\n"
        "time.sleep(1000)",
        limits={"nofile": 64, "core": 0, "nproc": 40},
    )
    assert bomb.says() < 60
    assert attack(executor, "import os\nif os.fork() == 0: os._exit(0)\nsay('fine')") == "fine"
    executor.send({"t": "kill", "id": bomb.number})
    bomb.exit()


def test_limits_hold(executor: Executor) -> None:
    limits = {"nofile": 64, "core": 0, "fsize": 1 << 20, "as": 1 << 30}
    play = executor.start("x = bytearray(2 << 30)\nsay('it worked')", limits=limits)
    assert play.says()["error"] == "MemoryError"
    play.exit()
    play = executor.start("import signal; open('big', 'wb').write(b'x' * (2 << 20))\nsay('it worked')", limits=limits)
    assert play.says()["error"] == "OSError"
    play.exit()


def test_home_inside_of_what_plays_see_is_refused() -> None:
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o755)
        with pytest.raises(AssertionError, match="move HERO_HOME"):
            Executor(mounts=[{"path": "/tmp", "writable": False}])


def test_with_egress_host_it_has_the_machines_network_and_nothing_else() -> None:
    with Executor(egress="host") as executor, socket.create_server(("127.0.0.1", 0)) as server:
        assert "no network" not in executor.ready["enforced"]
        port = server.getsockname()[1]
        assert (
            attack(executor, f"import socket\nsocket.create_connection(('127.0.0.1', {port}))\nsay('connected')")
            == "connected"
        )
        refused(executor, "socket.socket(socket.AF_UNIX)")
