# Client of Shop 2.0. Generated from its OpenRPC document; do not edit: `hero_logic client` writes it anew.
"""Client of Shop 2.0: a method per service method.

    client = ShopClient()

Shapes are TypedDicts: what is on the wire is the value.
"""

from __future__ import annotations

import http.client
import itertools
import json
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from typing import Any, Literal, TypedDict, Union, cast

__all__ = [
    "Amount",
    "ClosedTodayError",
    "Colour",
    "Error2",
    "Item",
    "NotFoundError",
    "PayResult",
    "Payment",
    "PaymentCard",
    "PaymentCash",
    "RpcError",
    "ServiceUnreachable",
    "ShopClient",
    "Tree",
]


class RpcError(Exception):
    """The service refused a call: `code` is the number of the JSON-RPC error, `data` is what the service says besides."""

    def __init__(self, code: int, message: str, data: Any = None) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message
        self.data = data


class ServiceUnreachable(Exception):
    """No answer, or one that is not JSON-RPC. Whether the call took effect is not known."""


class _Service:
    """The base of the generated client. It may be used from several threads."""

    _url = ""
    _errors: dict[int, type[RpcError]] = {}

    def __init__(
        self,
        url: str = "",
        *,
        headers: Mapping[str, str] | None = None,
        timeout: float = 60.0,
        send: Callable[[bytes], bytes] | None = None,
    ) -> None:
        self._address = url or self._url
        if not self._address and send is None:
            raise ValueError("The document names no server: give the client the url of the service.")
        self._headers = {"Content-Type": "application/json", "Accept": "application/json", **(headers or {})}
        self._timeout = timeout
        self._send = send or self._post
        self._ids = itertools.count(1)

    def _call(self, method: str, params: Any) -> Any:
        identifier = next(self._ids)
        answer = self._send(_written({"jsonrpc": "2.0", "id": identifier, "method": method, "params": params}))
        try:
            reply = json.loads(answer)
        except ValueError as error:
            raise ServiceUnreachable(f"{method}: the answer is not JSON: {answer[:200]!r}") from error
        if not isinstance(reply, dict) or reply.get("id") not in (identifier, None) or not reply.keys() & {"result", "error"}:
            raise ServiceUnreachable(f"{method}: the answer is not the reply to this call: {answer[:200]!r}")
        refused = reply.get("error")
        if refused is None:
            return reply.get("result")
        if not isinstance(refused, dict):
            raise ServiceUnreachable(f"{method}: the answer is not a JSON-RPC error: {answer[:200]!r}")
        code = refused.get("code", 0)
        raise self._errors.get(code, RpcError)(code, str(refused.get("message", "")), refused.get("data"))

    def _notify(self, method: str, params: Any) -> None:
        self._send(_written({"jsonrpc": "2.0", "method": method, "params": params}))

    def _post(self, body: bytes) -> bytes:
        """By urllib, which honours the proxy of the environment."""
        request = urllib.request.Request(self._address, body, self._headers, method="POST")
        try:
            with urllib.request.urlopen(request, timeout=self._timeout) as response:
                return cast(bytes, response.read())
        except urllib.error.HTTPError as error:
            with error:
                answer = error.read()
            if answer.lstrip().startswith(b"{"):  # JSON-RPC errors may come with a status of their own
                return answer
            raise ServiceUnreachable(f"{self._address} answered with HTTP status {error.code}") from error
        except (OSError, http.client.HTTPException) as error:
            raise ServiceUnreachable(f"{self._address} is not reachable: {error}") from error


def _written(request: dict[str, Any]) -> bytes:
    return json.dumps(request, separators=(",", ":"), allow_nan=False).encode()


def _given(params: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in params.items() if value is not _LEFT_OUT}


def _in_order(*params: Any) -> list[Any]:
    """Without what was left out at the end; what was left out in between is null."""
    last = max((index for index, value in enumerate(params) if value is not _LEFT_OUT), default=-1)
    return [None if value is _LEFT_OUT else value for value in params[: last + 1]]


_LEFT_OUT: Any = cast(Any, object())


class NotFoundError(RpcError):
    """There is no such item."""


class ClosedTodayError(RpcError):
    """Closed ''' */ today"""


Colour = Literal["red", "green"]


Amount = float


class _Item(TypedDict):
    # As on the shelf. */ """ \
    name: str
    price: Amount


# A thing to buy.
class Item(_Item, total=False):
    parts: list[Item]


Tree = Union[str, list["Tree"], dict[str, "Tree"]]


class PaymentCard(TypedDict):
    type: Literal["card"]
    card: str
    amount: Amount


class _PaymentCash(TypedDict):
    type: Literal["cash"]
    amount: Amount


class PaymentCash(_PaymentCash, total=False):
    change: bool


Payment = Union[PaymentCard, PaymentCash]


class Error2(TypedDict):
    why: str


_PayResult = TypedDict("_PayResult", {"class": str, "paid at": str})
_PayResultOptional = TypedDict("_PayResultOptional", {"list": list[int], "error": Error2, "__proto__": str}, total=False)


class PayResult(_PayResult, _PayResultOptional):
    pass


class ShopClient(_Service):
    """Shop 2.0. Everything that makes a generator stumble. ''' */ \\N{BELL} ends no comment import os import sys import
    this

    `url`: default: the first server of the document. `headers`: for each request, e.g. a token. `timeout`: seconds for a
    call. `send`: how a request reaches the service instead of by urllib. Every method raises RpcError where the service
    refuses, and ServiceUnreachable.
    """

    _url = "https://shop.example/rpc"
    _errors = {-32004: NotFoundError, -32010: ClosedTodayError}

    def shop_find_all(
        self,
        self_: str,
        *,
        from_: int = _LEFT_OUT,
        list_: list[Colour] = _LEFT_OUT,
        user_id: str | None = _LEFT_OUT,
        user_id_2: float = _LEFT_OUT,
    ) -> list[Item]:
        """Finds items.

        By parts of their names.

        Args:
            from_: The first page.

        Returns list[Item]. Raises NotFoundError (-32004: There is no such item.), ClosedTodayError (-32010: Closed '''
        */ today).
        """
        return cast("list[Item]", self._call("shop.find-all", _given({"from": from_, "list": list_, "self": self_, "user-id": user_id, "user_id": user_id_2})))

    def list_(self) -> list[str]:
        """A method that is named like a type of Python.

        Returns list[str].
        """
        return cast("list[str]", self._call("list", {}))

    def class_(
        self,
        amount: Amount,
        *,
        unit: Literal["kg", "it's \"one\"", 1, True] | float | None = _LEFT_OUT,
        note: str = _LEFT_OUT,
    ) -> tuple[float, str]:
        """Calls class.

        Deprecated.

        Returns tuple[float, str].
        """
        return cast("tuple[float, str]", self._call("class", _in_order(amount, unit, note)))

    def constructor(self) -> Any:
        """Calls constructor.

        Returns Any.
        """
        return cast("Any", self._call("constructor", {}))

    def call(self) -> Literal["called"]:
        """Calls _call.

        Returns Literal["called"].
        """
        return cast("Literal[\"called\"]", self._call("_call", {}))

    def tree_of(self, root: Tree) -> Tree:
        """Calls tree.of.

        Returns Tree.
        """
        return cast("Tree", self._call("tree.of", _given({"root": root})))

    def pay(self, with_: Payment) -> PayResult:
        """Calls pay.

        Returns PayResult. Raises RpcError (-32011: Refused), RpcError (-32011: Refused for good).
        """
        return cast("PayResult", self._call("pay", _given({"with": with_})))

    def opened(self, *, door: str = _LEFT_OUT) -> None:
        """Nobody answers it.

        A notification: nothing is returned, and no error.
        """
        self._notify("opened", _given({"door": door}))
