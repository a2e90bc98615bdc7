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
    CallFailed,
    ChildFailed,
    ContainsSecret,
    Disconnected,
    Failed,
    FlowError,
    FlowNotFound,
    InputsInvalid,
    NoContext,
    NotAwaited,
    NotJson,
    OptionError,
    OutputMismatch,
    PauseTimeout,
    PayloadTooLarge,
    Refused,
    ResultNotJson,
    SecretUnavailable,
    StepTimeout,
)
from ._flow import flow
from ._instrument import ai, instrument

__all__ = [
    "ArgumentNotJson",
    "CallFailed",
    "ChildFailed",
    "ContainsSecret",
    "Disconnected",
    "Failed",
    "FlowError",
    "FlowNotFound",
    "InputsInvalid",
    "NoContext",
    "NotAwaited",
    "NotJson",
    "OptionError",
    "OutputMismatch",
    "PauseTimeout",
    "PayloadTooLarge",
    "Refused",
    "ResultNotJson",
    "SecretUnavailable",
    "StepTimeout",
    "ai",
    "ask_user",
    "flow",
    "instrument",
]
