"""The fork server by itself: process trees, deadlines, ends. Real processes, real namespaces."""

from __future__ import annotations

import fcntl
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from _forkserver_executor import Executor, NotStarted

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="namespaces are Linux's")


@pytest.fixture(scope="module")
def executor() -> Iterator[Executor]:
    with Executor() as started:
        yield started


def _alive(pid: int) -> bool:
    """A zombie is gone: who has to reap it may take its time."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] not in "ZX"
    except (FileNotFoundError, ProcessLookupError):
        return False


def _below(pid: int) -> set[int]:
    found: set[int] = set()
    for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
        found |= {int(child)} | _below(int(child))
    return found


def _until_gone(pids: set[int], seconds: float) -> None:
    end = time.monotonic() + seconds
    while any(map(_alive, pids)):
        assert time.monotonic() < end, f"still there: {[pid for pid in pids if _alive(pid)]}"
        time.sleep(0.01)


def test_a_play_is_pid_2_of_its_own_namespace_and_its_status_is_reported(executor: Executor) -> None:
    play = executor.start(
        "import os\nsay([os.getpid(), os.getppid(), sorted(p for p in os.listdir('/proc') if p.isdigit())])\ncode = 7"
    )
    assert play.says() == [2, 1, ["1", "2"]]
    assert play.exit() == {"t": "exit", "id": play.number, "code": 7, "signal": None, "why": ""}


def test_sets_and_hashes_are_the_same_in_every_fork_server_and_in_what_a_play_starts(executor: Executor) -> None:
    ask = "import json, subprocess, sys\nwords = {f'word {n}' for n in range(40)}\n"
    child = "print(hash('word'))"
    text = ask + f"out = subprocess.run([sys.executable, '-c', {child!r}], capture_output=True, text=True).stdout\n"
    text += "say([list(words), hash('word'), hash(b'word'), int(out)])"
    with Executor() as other:
        first, second = (server.start(text, sid="seed").says() for server in (executor, other))
    assert first == second and first[1] == first[3]


def test_nothing_is_imported_from_the_working_directory_or_the_users_packages(executor: Executor) -> None:
    play = executor.start("import sys\nsay([[p for p in sys.path if p in ('', '.', '/')], sys.flags.no_user_site])")
    assert play.says() == [[], 1]
    play.exit()


def test_a_signal_is_reported_by_name(executor: Executor) -> None:
    play = executor.start("import os\nos.kill(os.getpid(), 11)")
    assert play.exit()["signal"] == "SIGSEGV"


def test_output_goes_to_its_connection_after_the_hello(executor: Executor) -> None:
    play = executor.start("import os, sys\nos.write(1, b'out\\n')\nos.write(2, b'err\\n')\nos.system('echo child')")
    assert play.output() == "out\nerr\nchild\n"
    play.exit()


def test_nothing_else_is_open_and_nothing_is_inherited(executor: Executor) -> None:
    play = executor.start(
        "import os\nopen_fds = []\n"
        "for fd in range(300):\n"
        "    try: os.fstat(fd); open_fds.append(fd)\n"
        "    except OSError: pass\n"
        "say([open_fds, open('/proc/self/environ').read()])"
    )
    assert play.says() == [[0, 1, 2, 3, 4], "PYTHONHASHSEED=0\0"]
    play.exit()


def test_random_numbers_differ_between_plays(executor: Executor) -> None:
    values = set()
    for _ in range(3):
        play = executor.start("import random\nsay(random.random())")
        values.add(play.says())
        play.exit()
    assert len(values) == 3


def test_a_kill_reaches_what_was_daemonised(executor: Executor) -> None:
    play = executor.start(
        "import os, time\n"
        "if os.fork() == 0:\n    os.setsid()\n    if os.fork() == 0: time.sleep(1000)\n    os._exit(0)\n"
        "say('up')\nwhile True: pass"
    )
    assert play.says() == "up"
    tree = _below(executor.process.pid)
    executor.send({"t": "kill", "id": play.number})
    assert play.exit()["why"] == "killed"
    remaining = {pid for pid in tree if _alive(pid)} & _below(executor.process.pid)
    assert len(remaining) <= 3, "the fork server itself and at most one prepared tree"


def test_the_end_of_main_ends_what_it_left_behind_before_it_is_reported(executor: Executor) -> None:
    play = executor.start("import os, time\nif os.fork() == 0:\n    os.setsid()\n    time.sleep(1000)\nsay('up')")
    assert play.says() == "up"
    assert play.exit()["code"] == 0


def test_a_deadline_that_passes_ends_every_play_and_refuses_new_ones_until_the_next_lease() -> None:
    with Executor() as executor:
        executor.lease(0.3)
        play = executor.start("import time\nsay('up')\ntime.sleep(1000)")
        assert play.says() == "up"
        assert play.exit()["why"] == "deadline"
        with pytest.raises(NotStarted, match="lease has run out"):
            executor.start("say('up')")
        executor.lease(60)
        assert executor.start("say('again')").says() == "again"


def test_the_end_of_its_channel_ends_everything() -> None:
    executor = Executor()
    play = executor.start("import time\nsay('up')\ntime.sleep(1000)")
    assert play.says() == "up"
    family = _below(executor.process.pid)
    executor.close()
    _until_gone(family, 2)


def test_the_death_of_the_outer_process_ends_everything() -> None:
    with Executor() as executor:
        play = executor.start("import time\nsay('up')\ntime.sleep(1000)")
        assert play.says() == "up"
        family = _below(executor.process.pid)
        executor.process.kill()
        executor.process.wait()
        _until_gone(family, 2)


def test_a_retired_server_ends_with_its_last_play() -> None:
    with Executor() as executor:
        play = executor.start("import time\nsay('up')\ntime.sleep(0.3)")
        executor.send({"t": "retire"})
        assert play.says() == "up"
        assert play.exit()["code"] == 0
        assert executor.process.wait(5) == 0


def test_a_tree_that_cannot_become_the_play_says_why(executor: Executor) -> None:
    with pytest.raises(NotStarted, match="No such file"):
        executor.start("say(1)", workdir=str(executor.plays / "missing" / "work"))


def test_a_module_that_cannot_be_preloaded_is_named() -> None:
    with pytest.raises(AssertionError, match="cannot import json"):
        Executor(preload=["json", "json.missing"])


def test_a_module_that_is_not_installed_may_be_one_of_packages() -> None:
    with Executor(preload=["json", "no_such_module"]) as executor:
        assert executor.ready["not_preloaded"] == {"no_such_module": "it is not installed"}


def test_packages_are_importable_and_held_and_only_named_modules_of_them_are_imported_early(tmp_path: Path) -> None:
    folder, lock = tmp_path / "environment", tmp_path / "environment.lock"
    folder.mkdir()
    (folder / "early.py").write_text("import os\npid = os.getpid()")
    (folder / "broken.py").write_text("raise RuntimeError('no')")
    (folder / "x.pth").write_text(f"import os; open({str(tmp_path / 'canary')!r}, 'w')")
    packages = {"folder": str(folder), "lock": str(lock)}
    with Executor(packages=packages, preload=["early", "broken", "missing"]) as executor:
        assert executor.ready["not_preloaded"] == {"broken": "RuntimeError: no", "missing": "it is not installed"}
        play = executor.start("import early, os, sys\nsay([early.pid == os.getpid(), 'pytest' in sys.modules])")
        assert play.says() == [False, False]
        with lock.open() as file, pytest.raises(BlockingIOError):
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    assert not (tmp_path / "canary").exists()
    with lock.open() as file:
        fcntl.flock(file, fcntl.LOCK_EX)


def test_packages_that_were_removed_are_reported(tmp_path: Path) -> None:
    packages = {"folder": str(tmp_path / "environment"), "lock": str(tmp_path / "environment.lock")}
    with pytest.raises(AssertionError, match="were removed"):
        Executor(packages=packages)


def test_without_a_sandbox_plays_still_end_as_a_whole_and_the_level_says_off() -> None:
    with Executor(sandbox="off") as executor:
        assert executor.ready["level"] == "off"
        play = executor.start("import os, time\nif os.fork() == 0:\n    os.setsid()\n    time.sleep(1000)\nsay('up')")
        assert play.says() == "up"
        assert play.exit()["code"] == 0
        assert len(_below(executor.process.pid)) <= 3
