"""`flow.secret`, and what the SDK keeps out of what leaves a play; the executor's part is in apps/executor/test/secrets.test.ts."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from fake_executor import FakeExecutor

from hero_tracing import ContainsSecret, OptionError, SecretUnavailable, flow, instrument
from hero_tracing._inspect import inspect_source
from hero_tracing.testing import play

KEY = "sk-canary/7f3a+91b2"


@flow(secrets=["API_KEY"])
def use(how: str) -> Any:
    key = flow.secret("API_KEY")
    if how == "result":
        return {"headers": {"Authorization": f"Bearer {key}"}}
    if how == "argument":
        return echo(key)
    if how == "question":
        return flow.pause("sure", ui={"text": key})
    if how == "inputs":
        return flow.invoke("other", key=key)
    if how == "call":
        return flow.call("workflow_list", tag=key)
    return key.count("canary")


@flow
def echo(text: str) -> str:
    return text


def with_key(how: str) -> Any:
    return play(use, {"how": how}, secrets={"API_KEY": KEY}, answers={"sure": "yes"}, methods={"workflow_list": {}})


@pytest.mark.parametrize(
    ("how", "path"),
    [
        ("result", "result.headers.Authorization"),
        ("argument", "arguments.text"),
        ("question", "ui.text"),
        ("inputs", "inputs.key"),
        ("call", "arguments.tag"),
    ],
)
def test_what_would_be_stored_is_refused_with_its_path(how: str, path: str) -> None:
    error = with_key(how).error
    assert isinstance(error, ContainsSecret) and (error.path, error.name) == (path, "API_KEY")
    assert KEY not in str(error)


def test_a_secret_can_be_used() -> None:
    assert with_key("use").output == 1


def test_a_secret_that_is_missing_or_not_declared_is_an_error_with_its_name_and_remedy() -> None:
    missing = play(use, {"how": "use"}).error
    assert isinstance(missing, SecretUnavailable) and (missing.name, missing.code) == ("API_KEY", "NOT_FOUND")
    assert "secrets={" in str(missing)

    @flow(secrets=["API_KEY"])
    def other() -> str:
        return flow.secret("PASSWORD")

    long = play(use, {"how": "use"}, secrets={"API_KEY": "k" * 8193}).error
    assert isinstance(long, SecretUnavailable) and "API_KEY is longer than 8 KiB" in str(long)
    undeclared = play(other, secrets={"PASSWORD": "p" * 8}).error
    assert isinstance(undeclared, SecretUnavailable) and '@flow(secrets=["API_KEY", "PASSWORD"])' in str(undeclared)
    with pytest.raises(OptionError, match="letters, digits"):
        flow.secret("no name")


def test_outside_the_runtime_it_comes_from_the_file_or_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("HERO_SECRETS_FILE", raising=False)
    monkeypatch.setenv("API_KEY", "from the environment")
    assert flow.secret("API_KEY") == "from the environment"
    path = tmp_path / "secrets"
    path.write_text('# mine\nAPI_KEY=from the file\nPEM = "two\\nlines"\n')
    path.chmod(0o644)
    monkeypatch.setenv("HERO_SECRETS_FILE", str(path))
    with pytest.raises(SecretUnavailable, match=f"mode 0644 lets others read it; run: chmod 600 {path}"):
        flow.secret("API_KEY")
    path.chmod(0o600)
    assert flow.secret("API_KEY") == "from the file" and flow.secret("PEM") == "two\nlines"
    with pytest.raises(SecretUnavailable, match=f"OTHER=… to {path}"):
        flow.secret("OTHER")
    path.write_text('{"API_KEY": "from the object"}')
    assert flow.secret("API_KEY") == "from the object"


LEAKS = """
from hero_tracing import flow, instrument

class Shop:
    def price(self, note):
        return {"note": note}

@flow
def fails():
    key = flow.secret("API_KEY")
    error = LookupError(f"no access with {key}")
    error.key = [key]
    raise error from ValueError(key)

@flow(retries=1, retry_delay=0)
def tried():
    raise OSError(flow.secret("API_KEY"))

@flow(secrets=["API_KEY"])
def main():
    key = flow.secret("API_KEY")
    print("print", key)
    print("in", end=" ")
    for part in (key[:4], key[4:9], key[9:]):
        print(part, end="")
    print()
    print("x" * (65536 - 8) + key)
    flow.current_span.tag("tag", {"key": key, key: 1})
    flow.current_span.log("log " + key)
    with flow.step("step " + key, note=key):
        pass
    instrument(Shop()).price(note=key)
    said = []
    for step in (fails, tried):
        try:
            step()
        except Exception as error:
            said.append(str(error))
    pause = flow.pause("go")
    return said
"""


def test_whatever_a_play_says_names_the_secret_instead_and_a_replay_asks_again() -> None:
    runtime = FakeExecutor(LEAKS, options={"secrets": ["API_KEY"]})
    runtime.secrets["API_KEY"] = KEY
    first = runtime.run()
    assert first.code == 75
    runtime.secrets["API_KEY"] = "rotated-91b2-canary"
    runtime.answer("go", None)
    second = runtime.run()
    assert second.code == 0, runtime.error
    everything = b"".join([*first.raw, *second.raw]).decode() + json.dumps([first.frames, second.frames])
    for spelt in (KEY, KEY[:9], "canary", "rotated-91"):
        assert spelt not in everything
    assert [text for text in first.logs() if len(text) < 100] == ["print (redacted: API_KEY)", "in (redacted: API_KEY)"]
    assert first.logs()[-1].endswith("x(redacted: API_KEY)… (11 more characters)")
    assert len(first.named("step (redacted: API_KEY)")) == 1
    assert [frame["t"] for frame in second.frames if frame["t"] == "secret"] == ["secret"], "only the root asks again"
    # the caller of a failed step gets what memory holds, in the first run and in the replay
    assert runtime.output == ["no access with (redacted: API_KEY)", "(redacted: API_KEY)"]


def test_instrumented_calls_with_memo_refuse_a_secret_as_an_argument() -> None:
    class Shop:
        def price(self, key: str) -> int:
            return 3

    @flow(secrets=["API_KEY"])
    def main() -> int:
        return instrument(Shop(), memo=True).price(flow.secret("API_KEY"))

    error = play(main, secrets={"API_KEY": KEY}).error
    assert isinstance(error, ContainsSecret) and error.path.endswith(".key")


def test_the_inspector_warns_of_a_secret_that_is_not_declared() -> None:
    source = 'from hero_tracing import flow\n@flow(secrets=["A"])\ndef main():\n    return [flow.secret("A"), flow.secret("B")]\n'
    found = inspect_source(source)
    assert found["options"] == {"secrets": ["A"]}
    assert [issue["message"] for issue in found["issues"]] == [
        'B is not declared, so a play cannot have it: write @flow(secrets=["A", "B"]) on the entry flow'
    ]
