"""An error is what memory holds: the caller gets the same one in the first run and in a replay."""

from __future__ import annotations

from typing import Any

import pytest
from error_flows import HEAD, MAIN, both

RAISES = {
    "plain": "raise ValueError('no', 3)",
    "without arguments": "raise ValueError",
    "tuples and bytes": "raise LookupError(('a', 1), b'\\xff', 2**70, float('inf'), None)",
    "what is no JSON": "raise RuntimeError('set', {1}, object)",
    "key": "{}[('a', 'b')]",
    "file": "open('/nowhere/at/all')",
    "two files": "import os; os.rename('/nowhere/at/all', '/nowhere/else')",
    "errno alone": "raise OSError(5)",
    "connection": "raise ConnectionResetError(104, 'reset by peer')",
    "address": "import socket; raise socket.gaierror(-2, 'Name or service not known')",
    "url": "import urllib.error; raise urllib.error.URLError(OSError(111, 'refused'))",
    "http": "import urllib.error; raise urllib.error.HTTPError('http://x', 404, 'gone', {}, None)",
    "json": "json.loads('{\"a\": ')",
    "decoding": "b'a\\xff'.decode()",
    "encoding": "'\\xe9'.encode('ascii')",
    "import": "import nowhere_at_all",
    "import from": "from json import nowhere_at_all",
    "syntax": "compile('f(', 'x.py', 'exec')",
    "attribute": "().nowhere",
    "name": "nowhere_at_all",
    "process": "import subprocess; subprocess.run(['sh', '-c', 'echo x; exit 3'], check=True, capture_output=True)",
    "timeout": "import subprocess; raise subprocess.TimeoutExpired(['a'], 3, output=b'x')",
    "stop": "raise StopIteration(7)",
    "division": "1 / 0",
    "assertion": "assert 1 == 2, ['a', 1]",
    "failed": "raise flow.Failed('no', n=2, odd=object)",
    "cause": "try: 1 / 0\n    except ZeroDivisionError as error: raise RuntimeError('outer') from error",
    "context": "try: 1 / 0\n    except ZeroDivisionError: raise RuntimeError('outer')",
    "no context": "try: 1 / 0\n    except ZeroDivisionError: raise RuntimeError('outer') from None",
    "notes": "error = KeyError('k'); error.__notes__ = ['look here', 'and there']; raise error",
    "attributes": "error = KeyError('k'); error.extra = {'a': [1]}; error.hidden = open; error._private = 1; raise error",
    "itself": "error = KeyError('k'); error.extra = error; raise error",
    "circle": "a, b = KeyError('a'), KeyError('b'); a.__cause__, b.__cause__ = b, a; raise a",
}


@pytest.mark.parametrize("raises", RAISES.values(), ids=RAISES.keys())
def test_of_python(play: Any, raises: str) -> None:
    seen = both(play, f"@flow\ndef bad():\n    {raises}\n" + MAIN)
    assert "flow.py" in seen["traceback"] and ", in bad" in seen["traceback"], "it says where the error arose"


CLASSES = {
    "required arguments": """
class Mine(ValueError):
    def __init__(self, code, *, extra):
        super().__init__(f"code {code}")
        self.code, self.extra = code, extra
def make(): return Mine(3, extra=[1])
""",
    "a constructor that does something": """
made = []
class Mine(Exception):
    def __init__(self, code):
        made.append(code)
        assert len(made) == 1
        self.code = code
    def __str__(self): return f"<{self.code}>"
def make(): return Mine(3)
""",
    "a constructor of its own": """
class Mine(Exception):
    def __new__(cls, first, second):
        made = super().__new__(cls, first)
        made.extra = second
        return made
    def __init__(self, first, second): pass
def make(): return Mine(1, 2)
""",
    "a dataclass": """
@dataclasses.dataclass
class Mine(Exception):
    code: int
    extra: list = dataclasses.field(default_factory=list)
def make(): return Mine(code=3, extra=["x"])
""",
    "a frozen dataclass": """
@dataclasses.dataclass(frozen=True)
class Mine(Exception):
    code: int
    def __str__(self): return f"frozen {self.code}"
def make(): return Mine(3)
""",
    "slots": """
class Mine(Exception):
    __slots__ = ("code", "extra")
def make():
    made = Mine("m")
    made.code = 5
    return made
""",
    "properties": """
class Mine(Exception):
    def __init__(self, code): self._code = code
    @property
    def code(self): return self._code * 2
def make(): return Mine(4)
""",
    "of a file": """
class Mine(FileNotFoundError):
    def __init__(self, path):
        super().__init__(2, "not here", path)
        self.extra = path
def make(): return Mine("/a/b")
""",
    "an attribute that cannot be stored": """
class Response: status = 404
class Mine(Exception):
    def __init__(self, message, response):
        super().__init__(message)
        self.response = response
        self.code = response.status
    @property
    def extra(self):
        if "response" not in vars(self): raise AttributeError("it is not there any more")
def make(): return Mine("gone", Response())
""",
    "a text of what cannot be stored": """
class Mine(Exception):
    def __init__(self, what):
        self.what = what
    def __str__(self): return "about " + type(self.what).__name__
def make(): return Mine(object())
""",
    "a text that it computes": """
class Mine(Exception):
    def __str__(self): return str(self.args[0]) * 2
def make(): return Mine("ab")
""",
    "nested in a class": """
class Client:
    class Mine(LookupError): pass
Mine = Client.Mine
def make(): return Client.Mine("x")
""",
    "made by a call": """
Mine = type("Mine", (LookupError,), {"code": 8})
Other = type("Mine", (LookupError,), {"code": 9})
Mine, Other = Other, Mine
def make(): return Mine("x")
""",
    "another under its name": """
class Mine(ValueError): code = 1
Base = Mine
class Mine(Base): code = 2
def make(): return Mine("x")
""",
    "with an error inside": """
class Mine(Exception):
    def __init__(self, inner):
        super().__init__("wrapped", inner)
        self.extra = inner
def make(): return Mine(KeyError("inner"))
""",
}


@pytest.mark.parametrize("classes", CLASSES.values(), ids=CLASSES.keys())
def test_of_classes_of_the_flow(play: Any, classes: str) -> None:
    source = """
@flow
def bad():
    raise make()

@flow
def main():
    try:
        bad()
    except Mine as error:
        return told(error)
"""
    seen = both(play, classes + source)
    assert seen["type"][0] == "__play__"


LOCAL = {
    "in the root": """
@flow
def main():
    class Local(ValueError):
        def __init__(self, code): self.code = code
    @flow(name="bad")
    def bad(): raise Local(3)
    try: bad()
    except Local as error: return told(error)
""",
    "in the step": """
@flow
def bad():
    class Base(LookupError):
        def __str__(self): return f"code {self.code}"
    class Local(Base):
        @property
        def code(self): return self.args[0] * 2
    raise Local(3)
@flow
def main():
    try: bad()
    except LookupError as error: return told(error)
""",
    "in the step, with a variable of it": """
@flow
def bad():
    base = LookupError
    class Local(base):
        def __str__(self): return f"code {self.args[0]}"
    raise Local(3)
@flow
def main():
    try: bad()
    except LookupError as error: return told(error)
""",
    "made twice": """
def make(n):
    class Local(Exception): code = n
    return Local
@flow
def main():
    kinds = [make(n) for n in range(3)]
    @flow(name="bad")
    def bad(n): raise kinds[n](n)
    seen = []
    for n, kind in enumerate(kinds):
        try: bad(n)
        except kind as error: seen.append(error.code)
    return seen
""",
}


@pytest.mark.parametrize("source", LOCAL.values(), ids=LOCAL.keys())
def test_of_local_classes(play: Any, source: str) -> None:
    seen = both(play, source)
    assert seen == [0, 1, 2] or seen["type"][1].endswith("<locals>.Local")


def test_an_error_keeps_its_text_through_several_steps(play: Any) -> None:
    source = """
@flow
def one():
    try: {}["x"]
    except KeyError as cause: raise RuntimeError("from the depth") from cause
@flow
def two(): one()
@flow
async def three(): two()
@flow
async def main():
    try: await three()
    except RuntimeError as error: return told(error)
"""
    seen = both(play, source)
    lines = [line for line in seen["traceback"].splitlines() if line.startswith('  File "flow.py"')]
    frames = [line.split(", in ")[1] for line in lines]
    assert frames == ["one", "main", "three", "two", "one"], seen["traceback"]


def test_the_text_of_a_traceback_is_the_same_in_a_replay(play: Any) -> None:
    """A flow may hand it to a step, which must be found again."""
    source = """
@flow
def bad(n): raise ValueError(n)
@flow
async def bad_async(n): raise ValueError(n)
@flow
def report(text): return len(text)
@flow(memo=False)
def inner():
    seen = []
    try: flow.map(bad, [1, 2])
    except ValueError: seen.append(report(traceback.format_exc()))
    try: flow.call("no_such_method")
    except Exception: seen.append(report(traceback.format_exc()))
    try: flow.invoke("nobody")
    except Exception: seen.append(report(traceback.format_exc()))
    try:
        try: bad(1)
        except ValueError: bad(2)
    except ValueError: seen.append(report(traceback.format_exc()))
    return seen
@flow
async def main():
    seen = await asyncio.to_thread(inner)
    try: await bad_async(3)
    except ValueError: seen.append(report(traceback.format_exc()))
    try: await asyncio.gather(bad_async(4), bad_async(5))
    except ValueError: seen.append(report(traceback.format_exc()))
    try: await flow.map(bad_async, [6])
    except ValueError: seen.append(report(traceback.format_exc()))
    return seen
"""
    assert len(both(play, source)) == 7


def test_of_a_class_of_an_invoked_workflow(play: Any) -> None:
    executor = play(
        HEAD
        + """
@flow
def main():
    try: flow.invoke("sub")
    except LookupError as error: return told(error)
"""
    )
    executor.library["sub"] = """
from hero_tracing import flow
class Mine(LookupError):
    @property
    def code(self): return self.args[0] * 2
    def __str__(self): return f"code {self.code}"
@flow
def main(): raise Mine(4)
"""
    executor.run()
    was = executor.output
    assert was["code"] == "8" and "sub.py" in was["traceback"] and "raise Mine(4)" in was["traceback"]
    executor.run()
    assert executor.output == was and len(executor.resolved) == 1
