"""What tests of flows need, without any service (docs/testing.md).

`play` runs a flow in this process with given answers, fakes for instrumented clients and a clock that skips sleeps; `ScriptedBroker`
is an OpenAI-compatible server that answers from a script.

>>> from hero_tracing import ask_user, flow
>>> from hero_tracing.testing import play
>>> @flow
... def greet(name: str) -> str:
...     return ask_user.choice("Which?", ["Hello", "Bonjour"]) + " " + name
>>> ran = play(greet, {"name": "Ada"}, answers={"which": "Bonjour"})
>>> ran.output
'Bonjour Ada'
>>> print(ran.tree)
✓ greet
  ✓ which
"""

from typing import TYPE_CHECKING, Any

from .play import Ran, play

if TYPE_CHECKING:
    from .broker import ScriptedBroker

__all__ = ["Ran", "ScriptedBroker", "play"]


def __getattr__(name: str) -> Any:
    if name == "ScriptedBroker":  # when asked for: `python -m hero_tracing.testing.broker` runs that module itself
        from .broker import ScriptedBroker

        return ScriptedBroker
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
