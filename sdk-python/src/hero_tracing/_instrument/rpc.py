"""One call of a client's method: its `rpc` span, from before the call until its result, or its stream, has ended.

Rules:
 1. The call's node is open while the client's code runs, and no longer: a stream that is never read to its end keeps no play from
    being suspended. Its span stays open until the stream ends.
 2. The caller gets what the client returned or raised. Nothing that is only shown may change or end the call.
 3. A pipelined play waits for its commits before the call: it leaves the play.
 4. Tokens cost once: a call in which another instrumented client has added a cost adds none of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextvars import ContextVar, Token
from inspect import Signature, signature
from json.encoder import encode_basestring as quoted
from time import perf_counter
from typing import Any

from .._canonical import dump
from .._error_json import describe, happened_in, is_remembered
from .._errors import NotJson
from .._names import check_name
from .._node import Node, current
from .._sanitise import clean, clean_object, tags_json
from .._spans import Span
from .prices import Price, price_of
from .shown import ARGUMENTS_LIMIT, masked, shown
from .usage import Usage, field, http_response, json_of, status_of

NAME_LIMIT = 200


class Settings:
    """What `instrument` was told, for the client and everything below it."""

    __slots__ = ("client", "kind", "memo", "prices", "defaults")

    def __init__(
        self, client: str, kind: type, memo: bool, prices: Mapping[str, Price], defaults: Mapping[str, Any]
    ) -> None:
        self.client = client
        self.kind = kind
        self.memo = memo
        self.prices = prices
        self.defaults = defaults  # of arguments that a call leaves out


class Method:
    """A method of an instrumented client, and how to call it."""

    __slots__ = ("settings", "path", "fn")

    def __init__(self, settings: Settings, path: str, fn: Callable[..., Any]) -> None:
        self.settings = settings
        self.path = path
        self.fn = fn

    @property
    def name(self) -> str:
        """The name in the tree: the path below the client, or the client's class where it is itself called."""
        name = (self.path or self.settings.client)[-NAME_LIMIT:]
        check_name(name, "instrument")
        return name

    @property
    def what(self) -> str:
        return f"{self.settings.client}.{self.path}(…)" if self.path else f"{self.settings.client}(…)"

    def with_defaults(self, kwargs: dict[str, Any]) -> dict[str, Any]:
        """The arguments with the defaults of the client, as far as the method takes them."""
        if not self.settings.defaults:
            return kwargs
        try:
            takes = signature(self.fn).parameters
        except (TypeError, ValueError):
            return kwargs
        return {**{name: value for name, value in self.settings.defaults.items() if name in takes}, **kwargs}

    def arguments(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> dict[str, Any]:
        """The arguments by name, as far as the method says names."""
        if not args:
            return dict(kwargs)
        try:
            found: Signature = signature(self.fn)
            bound = found.bind(*args, **kwargs).arguments
        except (TypeError, ValueError):  # a method of C, or wrong arguments: the client says so itself
            return {"args": list(args), **kwargs}
        named: dict[str, Any] = {}
        for name, value in bound.items():
            several = found.parameters[name].kind is found.parameters[name].VAR_KEYWORD
            named.update(value if several else {name: value})
        return named


_running: ContextVar[Rpc | None] = ContextVar("hero_rpc", default=None)  # the call whose client's code runs


class Inside:
    """The code of a call's client runs again, after the call has returned: a stream gives its next chunk, a coroutine runs."""

    __slots__ = ("_rpc", "_token")

    def __init__(self, rpc: Rpc) -> None:
        self._rpc = rpc

    def __enter__(self) -> None:
        self._token = _running.set(self._rpc)

    def __exit__(self, *_: object) -> None:
        try:
            _running.reset(self._token)
        except ValueError:  # a coroutine that was closed in another context
            pass


class Rpc:
    """An open call: its node while the client's code runs (rule 1), its span, and what its replies said about tokens."""

    def __init__(self, method: Method, parent: Node, args: tuple[Any, ...], kwargs: dict[str, Any], place: str) -> None:
        session = parent.session
        self._method = method
        self._usage = Usage()
        self.ended = False
        self._outer = _running.get()
        self._paid_below = False  # rule 4
        self._tokens: tuple[Token[Node], Token[Rpc | None]] | None = None
        arguments = method.arguments(args, kwargs)
        self._asked_model = arguments.get("model")
        self.span = Span(session, session.span_id(place), method.name)
        self.node = Node(session, parent, self.span, place, parent.is_async)
        self.node.owner = parent.owner
        self.node.start()
        tags = {"client": method.settings.client, "arguments": _safely(lambda: shown(arguments, ARGUMENTS_LIMIT))}
        self.span.start(parent.span.id, "rpc", place, tags_json(clean_object(tags)), *session.sources.caller())

    @property
    def since_ms(self) -> float:
        return round((perf_counter() - self.span.started) * 1000, 1)

    def enter(self) -> None:
        """The client's code runs from now on: what it prints and calls belongs to this span."""
        self._tokens = current.set(self.node), _running.set(self)

    def leave(self) -> None:
        """It has returned."""
        if self._tokens is not None:
            try:
                current.reset(self._tokens[0])
                _running.reset(self._tokens[1])
            except ValueError:  # a coroutine that was closed in another context
                pass
            self._tokens = None
        if not self.node.closed:
            self.node.close()

    def see(self, reply: Any) -> None:
        """Takes the usage that a reply, or a chunk of it, tells."""
        _safely(lambda: self._usage.see(reply))

    def tag(self, name: str, value: Any) -> None:
        self.span.tag(name, value)

    def end(self, result: Any = None) -> None:
        """The call has succeeded, and its result is whole."""
        if self.ended:
            return
        self.ended = True
        response = _safely(lambda: http_response(result))
        if response is not None:
            self.tag("status", status_of(response))
            self.see(_safely(lambda: json_of(response)))
        self.see(result)
        self._cost()
        self.span.end("success", output=_output(result))

    def fail(self, error: BaseException) -> None:
        """The client raised: the caller gets the same error."""
        if self.ended:
            return
        self.ended = True
        self._cost()
        status = status_of(error) or status_of(field(error, "response"))
        if status is not None:
            self.tag("status", status)
        if not is_remembered(error):
            self.span.end("cancelled")
            return
        happened_in(error, self.span.id)
        told = describe(error)
        self.span.end(
            "failed", error={**told, "message": masked(told["message"]), "traceback": masked(told["traceback"])}
        )

    def _cost(self) -> None:
        """Adds the cost of the tokens; of a model without a price only the tokens."""
        tokens = self._usage.tokens()
        if not tokens or self._paid_below:
            return
        asked = self._asked_model
        model = self._usage.model or (asked if isinstance(asked, str) else None)
        price = price_of(model, self._method.settings.prices) if model else None
        if price is None:
            self.tag("cost", f"unknown: no price for {model}" if model else "unknown: the reply names no model")
        outer = self._outer if price is not None else None
        while outer is not None:
            outer._paid_below = True
            outer = outer._outer
        self.span.cost(0.0 if price is None else price.cost(tokens), {"model": model, **tokens})


def begin(method: Method, parent: Node, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Rpc:
    return Rpc(method, parent, args, kwargs, parent.child_place(name_json(method), "null"))


def name_json(method: Method) -> str:
    return quoted(f"rpc:{method.name}")


def _output(result: Any) -> str | None:
    try:
        return dump(clean(shown(result)))
    except NotJson:
        return None
    except Exception:  # rule 2
        return None


def _safely(read: Callable[[], Any]) -> Any:
    """What reading gives; a mark where an object of the client's does not let itself be read (rule 2)."""
    try:
        return read()
    except Exception as error:
        return f"(unreadable: {type(error).__name__})"
