"""`flow.secret(NAME)`: asks the executor, or outside the runtime the file or the environment of the user.

Rules:
 1. It is no step and is not remembered: each attempt, and each call, asks again.
 2. The redactor knows a value before the flow has it.
"""

from __future__ import annotations

from json.encoder import encode_basestring as quoted

from .._errors import OptionError, SecretUnavailable
from .._options import SECRET_NAME
from .._session import active
from .local import LocalSecrets
from .redactor import redactor


def secret(name: str) -> str:
    if not isinstance(name, str) or not SECRET_NAME.fullmatch(name):
        raise OptionError(
            f"flow.secret: the name must have letters, digits and _, for example flow.secret('API_KEY'); not {name!r}"
        )
    session = active()
    if session is None:
        value = LocalSecrets().get(name)
    else:
        reply = session.lane.request("secret", f'"name":{quoted(name)}')
        if reply.get("t") == "refused":
            raise SecretUnavailable(reply.get("message", ""), name, reply.get("code", ""))
        value = reply["value"]
    redactor.add(name, value)  # rule 2
    return value
