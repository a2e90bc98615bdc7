"""Plays that follow each other in one slot: nothing of a play reaches the next one, whatever it tries.

As root, and as a user without privilege. Real processes, real namespaces.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from _forkserver_executor import LIMITS, Executor, NotStarted, Play

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="namespaces are Linux's")
SYSTEM_PYTHON = "/usr/bin/python3"
# What a process inherits, and what it finds.
LOOK = """
import gc, os, random, resource, signal, sys, threading
limits = {name: resource.getrlimit(getattr(resource, name)) for name in dir(resource) if name.startswith("RLIMIT_")}
umask = os.umask(0o22)
look = {
    # HERO_HOME of these tests is below /tmp.
    "files": [[name for name in os.listdir(where) if not name.startswith("hero-fs-")] for where in (".", "/tmp", "/dev/shm")],
    "processes": sorted(name for name in os.listdir("/proc") if name.isdigit()),
    "limits": limits, "umask": umask, "cwd": os.getcwd(), "env": dict(os.environ),
    "nice": os.nice(0), "cpus": sorted(os.sched_getaffinity(0)), "policy": os.sched_getscheduler(0),
    "signals": [str(signal.getsignal(number)) for number in range(1, 32)],
    "mounts": sorted(line.split()[1] for line in open("/proc/self/mounts")),
    "fds": sorted(os.listdir("/proc/self/fd"))[:5],
    "sysv": open("/proc/sysvipc/shm").read() if os.path.exists("/proc/sysvipc/shm") else "",
}
"""


@pytest.fixture(params=["own", "unprivileged"])
def executor(request: pytest.FixtureRequest) -> Iterator[Executor]:
    other: dict[str, Any] = {}
    if request.param == "unprivileged":
        if not (os.getuid() == 0 and _readable_by_other(SYSTEM_PYTHON) and _readable_by_other(__file__)):
            pytest.skip("needs root, a system-wide Python and a checkout that others can read")
        other = {"uid": 64333, "python": SYSTEM_PYTHON}
    with Executor(**other) as started:
        if not started.ready["arms"]:
            pytest.skip(f"this machine refuses {started.ready['missing']}")
        yield started


def _readable_by_other(path: str) -> bool:
    command = ["setpriv", "--reuid=64333", "--regid=64333", "--clear-groups", "test", "-r", path]
    return subprocess.run(command, check=False).returncode == 0


def _children(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def inits(executor: Executor) -> list[int]:
    """The inits of the fork server's slots."""
    server = executor.process.pid
    while len(below := _children(server)) == 1 and not _is_init(below[0]):
        server = below[0]
    return below


def _is_init(pid: int) -> bool:
    """Whether it is pid 1 of a namespace below the fork server's."""
    status = dict(line.split(":\t") for line in Path(f"/proc/{pid}/status").read_text().splitlines() if ":\t" in line)
    inner = status["NSpid"].split()
    return len(inner) >= 3 and inner[-1] == "1"


def run(executor: Executor, text: str, sid: str = "p1") -> Any:
    """What a play says that was armed before it was known."""
    play = executor.arm(sid)
    play.run(text)
    said = play.says()
    play.exit()
    return said


def look(executor: Executor) -> dict[str, Any]:
    found: dict[str, Any] = run(executor, LOOK + "say(look)", sid="looks")
    return found


def follows(executor: Executor, text: str) -> tuple[dict[str, Any], dict[str, Any], bool]:
    """What a play finds before and after one that does this in its slot, and whether the slot was kept."""
    before = look(executor)
    slots = inits(executor)
    assert len(slots) == 1
    said = run(executor, text + "\nsay('done')", sid="before")
    assert said == "done", said
    return before, look(executor), inits(executor) == slots


def test_an_armed_child_becomes_the_play_that_it_is_told(executor: Executor) -> None:
    for sid in ("p7", "p8"):
        play = executor.arm(sid)
        play.run("import os\nsay([os.getcwd(), os.environ['HOME'], os.getpid(), os.listdir('.')])")
        workdir = f"{executor.home}/var/plays/{sid}/work"
        assert play.says() == [workdir, workdir, 2, []]
        assert play.exit()["code"] == 0
    assert len(inits(executor)) == 1


def test_a_play_cannot_take_another_name() -> None:
    with Executor(where="/var/tmp") as executor:  # what is below /tmp belongs to the play
        if not executor.ready["arms"]:
            pytest.skip(f"this machine refuses {executor.ready['missing']}")
        plays = executor.home / "var" / "plays"
        for act in (f"os.rename('{plays}/p1', '{plays}/p2')", f"os.mkdir('{plays}/p2')", f"os.listdir('{plays}')"):
            said = run(executor, f"import os\n{act}\nsay('it worked')")
            assert isinstance(said, dict) and said["error"] == "PermissionError", act
        moved = "import os\nos.mkdir('a'); os.mkdir('/tmp/a'); os.rename('a', 'b'); os.rmdir('b'); say(os.listdir('.'))"
        assert run(executor, moved) == []


@pytest.mark.parametrize(
    "text",
    [
        "import os\nif os.fork() == 0:\n    os.setsid()\n    if os.fork() == 0:\n        import time\n        time.sleep(1000)\n    os._exit(0)",
        "import signal, os, time\nfor _ in range(20):\n    if os.fork() == 0:\n        [signal.signal(n, signal.SIG_IGN) for n in (1, 2, 15)]\n        time.sleep(1000)",
        "import os\nfor folder in ('.', '/tmp', '/dev/shm'): open(folder + '/left', 'w').write('x')\nos.makedirs('/tmp/a/b'); os.chmod('/tmp/a', 0)",
        "import os, mmap\nfd = os.memfd_create('left'); os.write(fd, b'x' * 4096); os.set_inheritable(fd, True)",
        "import os\nos.umask(0); os.chdir('/tmp'); os.environ['LEFT'] = 'x'; os.nice(5); os.sched_setaffinity(0, {0})",
        "import resource\nresource.setrlimit(resource.RLIMIT_NOFILE, (64, 64)); resource.setrlimit(resource.RLIMIT_FSIZE, (1, 1))",
        "import signal, ctypes\nsignal.signal(signal.SIGUSR1, signal.SIG_IGN)\nsignal.pthread_sigmask(signal.SIG_BLOCK, range(1, 30))",
        "import ctypes\nlibc = ctypes.CDLL(None)\nassert libc.mount(b'left', b'/tmp', b'tmpfs', 0, None) != 0 and libc.shmget(7, 4096, 0o1666) < 0",
        "import ctypes, os\nassert all(ctypes.CDLL(None).ptrace(request, 1, 0, 0) < 0 for request in (16, 0x4206))",
        "import os, signal\nfor number in set(signal.valid_signals()) - {signal.SIGCHLD}:\n    try: os.kill(1, number)\n    except OSError: pass",
    ],
)  # fmt: skip
def test_what_a_play_leaves_is_not_there_for_the_next_one_in_its_slot(executor: Executor, text: str) -> None:
    before, after, kept = follows(executor, text)
    assert after == before
    # In /tmp, which is /dev/shm as well, there may be mount points: of the interpreter, or of a checkout that is there.
    assert before["files"][0] == [] and before["processes"] == ["1", "2"]
    assert kept


@pytest.mark.parametrize(
    ("name", "limit"), [("RLIMIT_NOFILE", 40), ("RLIMIT_NPROC", 1), ("RLIMIT_CPU", 9), ("RLIMIT_STACK", 1 << 20)]
)
def test_a_slot_whose_init_was_changed_is_not_used_again(executor: Executor, name: str, limit: int) -> None:
    before, after, kept = follows(
        executor, f"import resource\nresource.prlimit(1, resource.{name}, ({limit}, {limit}))"
    )
    assert after == before
    assert not kept


@pytest.mark.parametrize(
    "text",
    [
        "import os\nos.setpriority(os.PRIO_PROCESS, 1, 19)",
        "import os\nos.setpriority(os.PRIO_USER, os.getuid(), 19)",
        "import os\nos.sched_setaffinity(1, {max(os.sched_getaffinity(0))})",
        "import os\nos.sched_setscheduler(1, os.SCHED_IDLE, os.sched_param(0))",
        "import ctypes, platform\nnumber = {'x86_64': 251, 'aarch64': 30}[platform.machine()]\nctypes.CDLL(None).syscall(number, 1, 1, (3 << 13))",
    ],
)  # fmt: skip
def test_how_init_is_scheduled_cannot_be_changed(executor: Executor, text: str) -> None:
    """It has capabilities that a play has not; if it were changed all the same, its slot would not be used again."""
    before, after, _ = follows(executor, f"try:\n    exec({text!r})\nexcept OSError: pass")
    assert after == before


def test_scheduling_of_others_by_attributes_is_refused(executor: Executor) -> None:
    text = "import ctypes, platform\nlibc = ctypes.CDLL(None, use_errno=True)\n"
    text += "number = {'x86_64': 314, 'aarch64': 274}[platform.machine()]\n"
    text += "say([libc.syscall(number, 1, ctypes.create_string_buffer(56), 0), ctypes.get_errno()])"
    assert run(executor, text) == [-1, 1]


def test_a_lane_that_a_daemon_holds_says_nothing_in_the_name_of_the_next_play(executor: Executor) -> None:
    first = executor.arm("before")
    first.run(
        "import os\nwritten, end = os.pipe()\n"
        "if os.fork() == 0:\n    os.setsid()\n    while os.write(1, b'I am the next play'): os.write(end, b'x')\n"
        "os.read(written, 1); say('done')"
    )
    assert first.says() == "done"
    said = first.output()  # ends with the daemon
    assert first.exit()["code"] == 0 and said.startswith("I am the next play")
    second = executor.arm("after")
    second.run("say('mine')")
    assert second.says() == "mine"
    assert second.output() == "" and second.says() is None
    assert second.exit()["code"] == 0
    assert len(inits(executor)) == 1


def test_an_armed_child_that_dies_was_no_play(executor: Executor) -> None:
    child = executor.arm()
    (init,) = inits(executor)
    os.kill(_children(init)[0], signal.SIGKILL)
    refusal = executor.await_message("not_started", child.number)
    assert refusal["message"] == "its process ended by SIGKILL before the play began"
    assert look(executor)["processes"] == ["1", "2"]
    assert inits(executor) == [init]


@pytest.mark.parametrize("armed", [True, False])
def test_the_death_of_init_ends_its_slot_and_nothing_else(executor: Executor, armed: bool) -> None:
    neighbour = executor.arm("neighbour")
    (other,) = inits(executor)
    child = executor.arm("p2")
    (init,) = set(inits(executor)) - {other}
    if not armed:
        child.run("import time\nsay('up')\ntime.sleep(1000)")
        assert child.says() == "up"
    os.kill(init, signal.SIGKILL)
    end = executor.await_message("not_started" if armed else "exit", child.number)
    assert end.get("signal") == (None if armed else "SIGKILL")
    neighbour.run("say('here')")
    assert neighbour.says() == "here"
    assert neighbour.exit()["code"] == 0
    assert init not in inits(executor)


def test_a_kill_ends_the_whole_slot(executor: Executor) -> None:
    child: Play = executor.arm()
    slots = inits(executor)
    executor.send({"t": "kill", "id": child.number})
    assert child.exit()["why"] == "killed"
    assert not set(slots) & set(inits(executor))


def test_a_deadline_that_passes_ends_armed_and_running_children(executor: Executor) -> None:
    executor.lease(60)
    armed, running = executor.arm("p1"), executor.arm("p2")
    running.run("import time\nsay('up')\ntime.sleep(1000)")
    assert running.says() == "up"
    executor.lease(0.05)
    assert [play.exit()["why"] for play in (armed, running)] == ["deadline", "deadline"]
    assert inits(executor) == []
    with pytest.raises(NotStarted, match="lease has run out"):
        executor.arm()
    executor.lease(60)
    assert run(executor, "say('again')") == "again"


def test_a_retired_server_ends_when_its_last_child_has(executor: Executor) -> None:
    armed, running = executor.arm("p1"), executor.arm("p2")
    running.run("say('up')\nassert control.recv(1)")
    assert running.says() == "up"
    executor.send({"t": "retire"})
    executor.send({"t": "kill", "id": armed.number})
    assert armed.exit()["why"] == "killed"
    running.lanes["control"].sendall(b"x")
    assert running.exit()["code"] == 0
    assert executor.process.wait(5) == 0


def test_a_child_that_cannot_be_armed_says_why_and_its_slot_stays(executor: Executor) -> None:
    with pytest.raises(NotStarted, match="No such file"):
        executor.arm(workdir=str(executor.plays / "missing" / "work"))
    slots = inits(executor)
    assert run(executor, "say(1)") == 1
    assert inits(executor) == slots


def test_limits_are_those_of_the_order(executor: Executor) -> None:
    ask = "import resource\nsay(resource.getrlimit(resource.RLIMIT_NOFILE)[0])"
    for files in (200, 1000):
        play = executor.arm(limits={**LIMITS, "nofile": files})
        play.run(ask)
        assert play.says() == files
        play.exit()
    assert len(inits(executor)) == 1


# --- the rehearsal ----------------------------------------------------------------------------------------------------

TRACE = """
import asyncio, contextvars, gc, itertools, linecache, logging, os, random, sys, threading, warnings
async def nothing(): pass
async def task_name(): return asyncio.create_task(nothing()).get_name()
import hero_tracing._session, hero_tracing._error_json.classes as classes, hero_tracing._error_json.frames as frames
trace = {
    "modules": sorted(name for name in sys.modules if "play" in name),
    "lines": sorted(linecache.cache), "context": len(contextvars.copy_context()),
    "gc": [gc.isenabled(), gc.get_threshold(), len(gc.garbage)],
    "threads": [threading.active_count(), threading.Thread().name, len(os.listdir("/proc/self/task"))], "task": asyncio.run(task_name()),
    "streams": [sys.stdout is sys.__stdout__, sys.stderr is sys.__stderr__],
    "session": str(hero_tracing._session.active()), "errors": [len(classes._made), len(frames._known), str(classes._load)],
    "hash": hash("word"), "set": list({f"word {n}" for n in range(40)}),
    "warnings": len(warnings.filters), "env": sorted(os.environ), "recursion": sys.getrecursionlimit(),
}
"""


def test_a_rehearsal_leaves_no_trace(executor: Executor) -> None:
    rehearsed = run(executor, TRACE + "say(trace)")
    play = executor.start(TRACE + "say(trace)")
    plain = play.says()
    play.exit()
    assert rehearsed == plain
    assert "__play__" not in rehearsed["modules"]


def test_what_is_forked_from_has_one_thread(executor: Executor) -> None:
    executor.arm()
    (init,) = inits(executor)
    server = int(Path(f"/proc/{init}/stat").read_text().rsplit(")", 1)[1].split()[1])
    assert [len(os.listdir(f"/proc/{pid}/task")) for pid in (server, init)] == [1, 1]


def test_armed_children_draw_different_random_numbers(executor: Executor) -> None:
    children = [executor.arm(f"p{n}") for n in range(3)]
    drawn = set()
    for child in children:
        child.run("import random, uuid\nsay([random.random(), str(uuid.uuid4())])")
        drawn.add(tuple(child.says()))
        child.exit()
    assert len({number for number, _ in drawn}) == len({word for _, word in drawn}) == 3
