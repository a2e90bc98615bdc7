"""`ai()`: the instrumented OpenAI client for the endpoint that the environment names."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from .._errors import OptionError
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
    client's own (`timeout`, `max_retries`). Outside the runtime only: in a play the key has to come as a secret, which the
    runtime does not have yet. Raises OptionError, which says what is missing.

        reply = ai().chat.completions.create(messages=[{"role": "user", "content": "hello"}])
    """
    session = active()
    if session is not None and session.spawns:
        raise OptionError(
            "ai() in a play needs its key as a secret, which this version of the runtime cannot give: run the file with plain Python "
            "(python -m hero_tracing FILE), or use a client of your own with instrument()"
        )
    missing = [name for name in _VARIABLES if not os.environ.get(name)]
    if missing:
        raise OptionError("ai() needs " + "; ".join(f"{name} ({_VARIABLES[name]})" for name in missing))
    try:
        import openai
    except ImportError:
        raise OptionError("ai() needs the openai package: pip install openai") from None
    make = openai.AsyncOpenAI if asynchronous else openai.OpenAI
    client = make(base_url=os.environ["AIBROKER_URL"], api_key=os.environ["AIBROKER_API_KEY"], **options)
    return instrumented(client, memo, prices, {"model": os.environ["AIBROKER_MODEL"]})
