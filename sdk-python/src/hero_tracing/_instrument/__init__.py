"""`instrument(client)`: the calls of any client become `rpc` spans (docs/instrument.md).

`proxy` stands in for the client, `rpc` is one call, `results` is what it gives back while its span stays open (streams, context
managers, awaitables), `remember` makes a call a step of its own. `shown` bounds and redacts what a span shows; `usage` and
`prices` make tokens a cost. `ai()` is the client of the endpoint that the environment names.
"""

from .ai import ai
from .proxy import instrument

__all__ = ["ai", "instrument"]
