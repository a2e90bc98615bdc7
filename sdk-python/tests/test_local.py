"""The same flows without any runtime: `python file.py`, and calls from tests."""

from __future__ import annotations

import asyncio
import inspect
import subprocess
import sys
import threading
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

import hero_tracing
from hero_tracing import Failed, FlowError, NoContext, OptionError, _errors, ask_user, flow

ROOT = Path(__file__).parents[2]


def run(*command: str, answers: str = "") -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-W", "error", *command],
        input=answers,
        capture_output=True,
        text=True,
        timeout=30,
        env={"PYTHONPATH": str(ROOT / "sdk-python" / "src"), "PYTHONIOENCODING": "utf-8"},
    )


@flow
def add(a: int, b: int = 2) -> int:
    flow.current_span.tag("b", b)
    flow.current_span.log("adding")
    return a + b


def test_all_is_sorted_and_complete() -> None:
    public = {name: value for name, value in vars(hero_tracing).items() if not isinstance(value, ModuleType)}
    names = [name for name in public if not name.startswith("_")]
    assert hero_tracing.__all__ == sorted(hero_tracing.__all__)
    assert set(hero_tracing.__all__) == set(names)


def test_the_error_tree_in_the_docstring_is_the_real_one() -> None:
    drawn: dict[str, str] = {}
    path: list[str] = []
    tree = inspect.cleandoc(_errors.__doc__ or "")
    root = tree.index("Exception") - tree.rindex("\n", 0, tree.index("Exception")) - 1
    for line in tree.splitlines():
        if "──" in line:
            depth = (line.index("─") - root) // 4
            name = line.split("── ")[1].split()[0]
            path[depth:] = [name]
            drawn[name] = path[depth - 1] if depth else "Exception"
    real = {
        name: kind.__bases__[0].__name__
        for name, kind in vars(_errors).items()
        if isinstance(kind, type) and issubclass(kind, FlowError)
    }
    assert drawn == real


def test_a_flow_is_a_function_like_the_one_it_decorates() -> None:
    assert add(1) == 3 and add(1, b=5) == 6
    assert add.__name__ == "add" and add.__annotations__["a"] == "int"
    with pytest.raises(TypeError, match="missing 1 required positional argument: 'a'"):
        add()  # type: ignore[call-arg]


def test_the_tree_is_printed(capsys: Any) -> None:
    @flow
    def main() -> list[int]:
        with flow.step("block", tone="plain"):
            try:
                broken()
            except ZeroDivisionError:
                pass
        return flow.map(add, [1, 2])

    @flow
    def broken() -> None:
        raise ZeroDivisionError

    assert main() == [3, 4]
    shown = [line.split("  ")[0] if not line.startswith(" ") else line for line in capsys.readouterr().err.splitlines()]
    words = [line.strip().split("  ")[0] for line in shown]
    assert words == ["✓ main", "✓ block", "✗ broken", "✓ map:add", "✓ add", "│ adding", "✓ add", "│ adding"]


def test_errors_come_through_as_they_are() -> None:
    @flow
    def main() -> None:
        raise Failed("no", n=1)

    with pytest.raises(flow.Failed) as caught:
        main()
    assert caught.value.data == {"n": 1}


def test_async_flows_run_in_the_callers_loop() -> None:
    @flow
    async def double(n: int) -> int:
        await asyncio.sleep(0)
        return n * 2

    @flow
    async def main() -> list[int]:
        async with flow.step("both"):
            return await asyncio.gather(double(1), double(2)) + await flow.map(double, [3])

    assert asyncio.run(main()) == [2, 4, 6]
    assert asyncio.iscoroutinefunction(main) or sys.version_info < (3, 12)


def test_outside_of_a_flow_there_is_nothing_to_tag_or_to_ask() -> None:
    for wrong in (lambda: flow.current_span.tag("a", 1), lambda: ask_user.text("?"), lambda: flow.current_step.key):
        with pytest.raises(NoContext, match="only inside a flow"):
            wrong()


def test_a_thread_without_context_is_told() -> None:
    told: list[BaseException] = []

    def body() -> None:
        try:
            add(1)
        except NoContext as error:
            told.append(error)

    @flow
    def main() -> None:
        thread = threading.Thread(target=body)
        thread.start()
        thread.join()

    main()
    assert "copy_context" in str(told[0])


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (lambda: flow(sandbox="x"), "@flow has no option 'sandbox' in this version"),
        (lambda: flow(nmae="x"), "@flow has no option 'nmae'; it has name, inputs, outputs"),
        (lambda: flow("name"), "takes its options by name"),
        (lambda: flow(name="a\n")(lambda: 1), "control characters"),
        (lambda: flow(inputs={"a": "text"})(lambda a: 1), "'text' is not a type"),
        (lambda: flow(lambda: (yield)), "is a generator"),
        (lambda: flow.step(""), "1 to 200 characters"),
        (lambda: flow.span("x", kind="flow_root"), "kind must be one of step, rpc, other"),
        (lambda: ask_user.choice("Which?", []), "there are no options"),
        (lambda: ask_user.choice("Which?", [1, 1]), "two options are equal"),
        (lambda: ask_user.number("N?", minimum=2, maximum=1), "minimum is above maximum"),
        (lambda: ask_user.text(" "), "the label is what the person reads"),
    ],
)
def test_wrong_uses_say_what_to_write(wrong: Any, message: str) -> None:
    with pytest.raises(OptionError, match=message):
        wrong()
    with pytest.raises(AttributeError):
        flow.nothing  # noqa: B018


def test_wrong_uses_inside_of_a_flow() -> None:
    @flow
    def main() -> list[str]:
        told = []
        for wrong in (
            lambda: flow.pause("q", default=1),
            lambda: flow.pause("q", timeout=-1),
            lambda: flow.pause("q", schema={"a": {1, 2}}),
            lambda: flow.map(add, [1], max_workers=0),
            lambda: flow.current_span.cost(-1),
        ):
            try:
                wrong()
            except OptionError as error:
                told.append(str(error))
        return told

    told = main()
    assert len(told) == 5 and "default is the answer after the timeout" in told[0] and "max_workers" in told[3]


def test_the_welcome_flow_runs_on_the_terminal() -> None:
    file = str(ROOT / "flows" / "welcome" / "flow.py")
    ran = run(file, answers="9\nFrench\n")
    assert ran.returncode == 0 and "Bonjour, world!" in ran.stdout
    assert "answer with a number from 1 to 4" in ran.stderr and "✓ map:translate" in ran.stderr
    ran = run("-m", "hero_tracing", file, "name=Ada", answers="1\n")
    assert ran.returncode == 0 and '"message": "Hello, Ada!"' in ran.stdout


def test_questions_without_anybody_to_answer_are_an_error() -> None:
    ran = run("-m", "hero_tracing", str(ROOT / "flows" / "welcome" / "flow.py"))
    assert ran.returncode == 1 and "nobody answers: greeting" in ran.stderr


def test_a_file_with_faults_is_not_run(tmp_path: Path) -> None:
    file = tmp_path / "flow.py"
    file.write_text("print('ran')\ndef f(:\n")
    ran = run("-m", "hero_tracing", str(file))
    assert ran.returncode == 2 and ran.stdout == "" and f"{file}:2:7: invalid syntax" in ran.stderr


def test_a_task_of_a_flow_can_be_shown() -> None:
    @flow
    async def main() -> str:
        task = asyncio.create_task(flow.map(add, [1]))
        shown = repr(task)
        await task
        return shown + repr(task)

    assert "coro=" in asyncio.run(main())
