"""`ai()`: the instrumented OpenAI client for the endpoint that the environment names."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from .._errors import OptionError
from .._secrets import redactor
from .._secrets.ask import secret
from .._secrets.local import LEAST_SECRET
from .._session import active
from .proxy import instrumented

_VARIABLES = {
    "AIBROKER_URL": "any OpenAI-compatible endpoint, for example http://127.0.0.1:9830/v1",
    "AIBROKER_API_KEY": "its key; any text for the scripted broker",
    "AIBROKER_MODEL": "the model of calls that name none",
}


def ai(
    *, asynchronous: bool = False, memo: bool = False, prices: Mapping[str, Any] | None = None, **options: Any
) -> Any:
    """Returns the `openai` client, instrumented, for AIBROKER_URL and AIBROKER_API_KEY; `model` is AIBROKER_MODEL where a call names none.

    `asynchronous=True` gives the client whose calls are awaited; `memo` and `prices` are those of `instrument`, other options the
    client's own (`timeout`, `max_retries`). In a play the executor says where the endpoint is, and the key is a secret that the entry
    flow declares: `@flow(secrets=["AIBROKER_API_KEY"])`. Raises OptionError, which says what is missing, or SecretUnavailable.

        reply = ai().chat.completions.create(messages=[{"role": "user", "content": "hello"}])
    """
    url, key, model = _endpoint()
    try:
        import openai
    except ImportError:
        raise OptionError("ai() needs the openai package: pip install openai") from None
    make = openai.AsyncOpenAI if asynchronous else openai.OpenAI
    client = make(base_url=url, api_key=key, **options)
    return instrumented(client, memo, prices, {"model": model} if model else {})


def _endpoint() -> tuple[str, str, str]:
    """The address, the key and the model: of the executor, or of the environment outside the runtime."""
    session = active()
    if session is not None and session.spawns:
        reply = session.lane.request("broker", "")
        if reply.get("t") == "refused":
            raise OptionError(f"ai(): {reply.get('message', '')}")
        return reply["url"], secret("AIBROKER_API_KEY"), reply["model"]
    missing = [name for name in _VARIABLES if not os.environ.get(name)]
    if missing:
        raise OptionError("ai() needs " + "; ".join(f"{name} ({_VARIABLES[name]})" for name in missing))
    key = os.environ["AIBROKER_API_KEY"]
    if len(key) >= LEAST_SECRET:  # a shorter one is a text for the scripted broker
        redactor.add("AIBROKER_API_KEY", key)
    return os.environ["AIBROKER_URL"], key, os.environ["AIBROKER_MODEL"]
