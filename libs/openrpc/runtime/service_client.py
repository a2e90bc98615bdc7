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
