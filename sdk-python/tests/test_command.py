"""A flow as a command: inputs, the result as JSON, and memory in a folder."""

from __future__ import annotations

import fcntl
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SOURCE = """
from hero_tracing import ask_user, flow

@flow
def measure(word: str) -> int:
    with open("ran.txt", "a") as ran:
        ran.write(word + " " + flow.current_step.key + "\\n")
    return len(word)

@flow
def choose(words: list) -> str:
    return ask_user.choice("Which one?", words)

@flow
def main(words: list, name: str = "nobody") -> dict:
    lengths = flow.map(measure, words)
    print("measured")
    if "bad" in words:
        raise flow.Failed("a bad word")
    return {"chosen": choose(words), "lengths": lengths, "name": name}

if __name__ == "__main__":
    flow.run(main)
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "file.py").write_text(SOURCE)
    return tmp_path


def run(folder: Path, *arguments: str, answers: str = "") -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-W", "error", *arguments],
        input=answers,
        capture_output=True,
        text=True,
        timeout=60,
        cwd=folder,
        env={"PYTHONPATH": str(ROOT / "src"), "PYTHONIOENCODING": "utf-8"},
    )


def ran(folder: Path) -> list[str]:
    file = folder / "ran.txt"
    return file.read_text().splitlines() if file.exists() else []


WORDS = ("--input", 'words=["tea", "milk"]')


@pytest.mark.parametrize("command", [("file.py",), ("-m", "hero_tracing", "file.py")])
def test_the_result_goes_to_stdout_and_the_tree_to_stderr(folder: Path, command: tuple[str, ...]) -> None:
    ended = run(folder, *command, *WORDS, "--input", "name=7", answers="2\n")
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout.startswith("measured\n")
    assert json.loads(ended.stdout.partition("\n")[2]) == {"chosen": "milk", "lengths": [3, 4], "name": "7"}
    assert "✓ measure" in ended.stderr and "Which one?" in ended.stderr


def test_json_is_one_line_without_a_tree(folder: Path) -> None:
    ended = run(folder, "file.py", *WORDS, "--json", answers="1\n")
    assert ended.stdout.count("\n") == 1 and json.loads(ended.stdout)["output"]["chosen"] == "tea"
    assert json.loads(ended.stdout)["status"] == "success" and "✓" not in ended.stderr
    failed = run(folder, "file.py", "--input", 'words=["bad"]', "--json")
    assert failed.returncode == 1
    assert json.loads(failed.stdout) == {"status": "failed", "error": {"type": "Failed", "message": "a bad word"}}


def test_with_memory_a_second_run_goes_on_where_the_first_stopped(folder: Path) -> None:
    first = run(folder, "file.py", *WORDS, "--memory", "kept")
    assert (
        first.returncode == 75
        and "waits for which_one: run it again to answer" in first.stderr
        and first.stdout == "measured\n"
    )
    assert "✓ measure" in first.stderr and "… which_one" in first.stderr and len(ran(folder)) == 2
    second = run(folder, "-m", "hero_tracing", "file.py", *WORDS, "--memory", "kept", "--json", answers="tea\n")
    assert second.returncode == 0 and json.loads(second.stdout)["output"]["chosen"] == "tea"
    assert len(ran(folder)) == 2, "what is remembered does not run again"
    third = run(folder, "file.py", *WORDS, "--memory", "kept")
    assert third.returncode == 0 and json.loads(third.stdout.partition("\n")[2])["chosen"] == "tea"
    assert "outcomes are remembered in kept/main-" in third.stderr and "↺ measure" in third.stderr


def test_memory_says_what_waits_as_json(folder: Path) -> None:
    ended = run(folder, "file.py", *WORDS, "--memory", "kept", "--json")
    assert ended.returncode == 75 and json.loads(ended.stdout) == {
        "status": "awaiting_resume",
        "questions": ["which_one"],
    }


def test_memory_belongs_to_the_inputs_and_the_source(folder: Path) -> None:
    run(folder, "file.py", *WORDS, "--memory", "kept")
    run(folder, "file.py", "--input", 'words=["tea"]', "--memory", "kept")
    assert len(ran(folder)) == 3 and len(list((folder / "kept").iterdir())) == 2
    (folder / "file.py").write_text(SOURCE + "# changed\n")
    run(folder, "file.py", *WORDS, "--memory", "kept")
    assert len(ran(folder)) == 5


def test_a_line_that_was_cut_is_left_out_and_the_idempotency_key_stays(folder: Path) -> None:
    run(folder, "file.py", *WORDS, "--memory", "kept")
    before = sorted(ran(folder))
    (file,) = (folder / "kept").iterdir()
    head, *lines = file.read_bytes().splitlines(keepends=True)
    steps = [line for line in lines if b'"measure"' in line]
    file.write_bytes(head + steps[0] + steps[1][: len(steps[1]) // 2])
    ended = run(folder, "file.py", *WORDS, "--memory", "kept", answers="1\n")
    assert ended.returncode == 0 and len(ran(folder)) == 3
    assert set(ran(folder)) == set(before), "the step that runs again has the same key"


def test_one_process_at_a_time_has_a_memory_open(folder: Path) -> None:
    run(folder, "file.py", *WORDS, "--memory", "kept")
    (file,) = (folder / "kept").iterdir()
    with open(file, "rb") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        ended = run(folder, "file.py", *WORDS, "--memory", "kept")
    assert ended.returncode == 2 and "another process runs this flow with these inputs now" in ended.stderr
    (folder / "taken").write_text("")
    ended = run(folder, "file.py", *WORDS, "--memory", "taken")
    assert ended.returncode == 2 and "cannot be written" in ended.stderr and "name another folder" in ended.stderr


def test_a_timer_goes_on_from_where_it_began(folder: Path) -> None:
    (folder / "sleeps.py").write_text(
        "from hero_tracing import flow\n@flow\ndef main() -> str:\n    flow.sleep(100_000)\n    return 'slept'\n"
    )
    command = [sys.executable, "-m", "hero_tracing", "sleeps.py", "--memory", "kept"]
    sleeping = subprocess.Popen(command, cwd=folder, env={"PYTHONPATH": str(ROOT / "src")}, stderr=subprocess.DEVNULL)
    try:
        while not any(b'"timer"' in file.read_bytes() for file in folder.glob("kept/*")):
            assert sleeping.poll() is None
            os.sched_yield()
    finally:
        sleeping.kill()
        sleeping.wait()
    (file,) = (folder / "kept").iterdir()
    records = [json.loads(line) for line in file.read_text().splitlines()]
    records[-1]["ends"] = 0  # as if the time had passed
    file.write_text("".join(json.dumps(record) + "\n" for record in records))
    ended = run(folder, "-m", "hero_tracing", "sleeps.py", "--memory", "kept")
    assert ended.returncode == 0 and ended.stdout == '"slept"\n'


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--input", "words"), "'words' is not an input: write --input name=value"),
        (("--input", "wrods=[]"), "there is no input 'wrods'; there are words, name"),
        ((), "the input 'words' is missing: --input words=…"),
    ],
)
def test_wrong_inputs_are_said(folder: Path, arguments: tuple[str, ...], message: str) -> None:
    ended = run(folder, "file.py", *arguments)
    assert ended.returncode == 2 and message in ended.stderr and ran(folder) == []


def test_wrong_uses_of_run_are_said(folder: Path) -> None:
    (folder / "wrong.py").write_text("from hero_tracing import flow\nflow.run(len)\n")
    assert "flow.run takes a function decorated with @flow" in run(folder, "wrong.py").stderr
    (folder / "inside.py").write_text("from hero_tracing import flow\n@flow\ndef main():\n    flow.run(main)\nmain()\n")
    assert 'call it under `if __name__ == "__main__":`' in run(folder, "inside.py").stderr
    ended = run(folder, "-m", "hero_tracing", "missing.py")
    assert ended.returncode == 2 and "missing.py cannot be read: No such file" in ended.stderr


LEAVING = """
import sys
from hero_tracing import flow

@flow
def main(code: int):
    print("leaves")
    sys.exit(code)

if __name__ == "__main__":
    flow.run(main)
"""


@pytest.mark.parametrize("command", [("file.py",), ("-m", "hero_tracing", "file.py")])
def test_json_says_that_the_flow_left_and_the_code_stays(tmp_path: Path, command: tuple[str, ...]) -> None:
    (tmp_path / "file.py").write_text(LEAVING)
    left = run(tmp_path, *command, "code=3", "--json")
    error = {"type": "SystemExit", "message": "the flow called sys.exit(3)"}
    assert left.returncode == 3 and json.loads(left.stdout) == {"status": "failed", "error": error}


REMEMBERING = """
from hero_tracing import flow, instrument

class Reply:
    def __init__(self, word):
        self.word = word

    @classmethod
    def model_validate(cls, value):
        return cls(**value)

    def model_dump(self, **_):
        return {"word": self.word}

class Api:
    def ask(self):
        return Reply("tea")

api = instrument(Api(), memo=True)

@flow
def main() -> str:
    return type(api.ask()).__name__

if __name__ == "__main__":
    flow.run(main)
"""


@pytest.mark.parametrize("command", [("file.py",), ("-m", "hero_tracing", "file.py")])
def test_the_classes_of_the_file_are_found_again(tmp_path: Path, command: tuple[str, ...]) -> None:
    (tmp_path / "file.py").write_text(REMEMBERING)
    ended = run(tmp_path, *command, "--json")
    assert json.loads(ended.stdout) == {"status": "success", "output": "Reply"}, ended.stderr
