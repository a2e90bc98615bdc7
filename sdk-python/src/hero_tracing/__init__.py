"""Flows in Python that are runnable, observable and resumable.

>>> from hero_tracing import flow
>>> @flow
... def greet(name: str = "world") -> str:
...     return f"hello {name}"
>>> greet()
'hello world'
"""

from ._ask import ask_user
from ._errors import (
    ArgumentNotJson,
    Disconnected,
    Failed,
    FlowError,
    NoContext,
    NotAwaited,
    NotJson,
    OptionError,
    OutputMismatch,
    PauseTimeout,
    Refused,
    ResultNotJson,
)
from ._flow import flow

__all__ = [
    "ArgumentNotJson",
    "Disconnected",
    "Failed",
    "FlowError",
    "NoContext",
    "NotAwaited",
    "NotJson",
    "OptionError",
    "OutputMismatch",
    "PauseTimeout",
    "Refused",
    "ResultNotJson",
    "ask_user",
    "flow",
]
