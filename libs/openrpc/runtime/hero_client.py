class HeroError(Exception):
    """A call that failed.

    `code` is a stable word (NOT_FOUND, INVALID_PARAMS, TIMEOUT, UNAVAILABLE, ...), `retry` says whether the same call
    can succeed later, `issues` has every fault of the parameters as {"path", "message"}, `details` has facts for
    programs.
    """

    def __init__(
        self,
        code: str,
        message: str,
        *,
        retry: bool = False,
        issues: list[dict[str, str]] | None = None,
        details: dict[str, Any] | None = None,
        rpc_code: int = -32000,
    ) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.retry = retry
        self.issues = issues or []
        self.details = details or {}
        self.rpc_code = rpc_code

    def __str__(self) -> str:
        faults = "".join(f"\n  {issue['path']}: {issue['message']}" for issue in self.issues)
        return f"{self.code}: {self.message}{faults}"


_BATCH = 50
_WAIT_SLICE_MS = 30_000
_OUTAGE_SECONDS = 60.0
_SILENCE_SECONDS = 45.0


def _error_of(error: dict[str, Any]) -> HeroError:
    data = error.get("data") or {}
    return HeroError(
        data.get("code", "INTERNAL"),
        error.get("message", ""),
        retry=bool(data.get("retry")),
        issues=data.get("issues"),
        details=data.get("details"),
        rpc_code=error.get("code", -32603),
    )


def _refusal(status: int, body: bytes) -> HeroError:
    try:
        error = json.loads(body)["error"]
        if "data" in error:
            return _error_of(error)
        return HeroError(error["code"], error["message"], retry=bool(error.get("retry")))
    except (ValueError, KeyError, TypeError):
        return HeroError("UNAVAILABLE", f"The gateway answered with HTTP status {status}.", retry=status >= 500)


def _client_closed() -> HeroError:
    return HeroError("UNAVAILABLE", "This client was closed; make a new one.")


class _UnixConnection(http.client.HTTPConnection):
    def __init__(self, path: str, timeout: float | None) -> None:
        super().__init__("localhost", timeout=timeout)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)


class _Transport:
    """Connections to one gateway, kept open between calls. Safe to use from several threads."""

    def __init__(self, address: str, token: str | None) -> None:
        self._idle: list[http.client.HTTPConnection] = []
        self._busy: set[http.client.HTTPConnection] = set()
        self.closed = False
        self._lock = threading.Lock()
        self._url = urllib.parse.urlsplit(address) if "://" in address else None
        self._socket = address
        self.headers = {"Content-Type": "application/json"}
        if token:
            self.headers["Authorization"] = f"Bearer {token}"

    def open(self, timeout: float | None) -> http.client.HTTPConnection:
        return self._begin(self._new(timeout))

    def _new(self, timeout: float | None) -> http.client.HTTPConnection:
        if self._url is None:
            return _UnixConnection(self._socket, timeout)
        kind = http.client.HTTPSConnection if self._url.scheme == "https" else http.client.HTTPConnection
        return kind(self._url.netloc, timeout=timeout)

    def _begin(self, connection: http.client.HTTPConnection) -> http.client.HTTPConnection:
        """Registers the connection until `end`, so that closing the transport ends its waits."""
        with self._lock:
            if not self.closed:
                self._busy.add(connection)
                return connection
        connection.close()
        raise _client_closed()

    def end(self, connection: http.client.HTTPConnection) -> None:
        with self._lock:
            self._busy.discard(connection)

    def unreachable(self, error: Exception) -> HeroError:
        if self.closed:
            return _client_closed()
        return HeroError("UNAVAILABLE", f"The gateway is not reachable ({error!r}).", retry=True)

    def post(self, body: bytes, timeout: float | None) -> bytes:
        idle = self._take()
        connection = self._begin(idle) if idle else self.open(timeout)
        try:
            return self._exchange(connection, body, timeout)
        finally:
            self.end(connection)

    def _exchange(self, connection: http.client.HTTPConnection, body: bytes, timeout: float | None) -> bytes:
        try:
            connection.timeout = timeout
            if connection.sock:
                connection.sock.settimeout(timeout)
            connection.request("POST", "/rpc", body, self.headers)
            response = connection.getresponse()
            answer = response.read()
        except socket.timeout as error:
            connection.close()
            raise HeroError("TIMEOUT", f"No answer within {timeout} s.", retry=True) from error
        except (OSError, http.client.HTTPException) as error:
            connection.close()
            raise self.unreachable(error) from error
        if response.status >= 300:
            connection.close()
            raise _refusal(response.status, answer)
        with self._lock:
            if not self.closed:
                self._idle.append(connection)
                return answer
        connection.close()
        return answer

    def _take(self) -> http.client.HTTPConnection | None:
        while True:
            with self._lock:
                if not self._idle:
                    return None
                connection = self._idle.pop()
            # Data that is readable on an idle connection means that the other side has closed it.
            if connection.sock and not select.select([connection.sock], [], [], 0)[0]:
                return connection
            connection.close()

    def close(self) -> None:
        with self._lock:
            self.closed = True
            idle, self._idle = self._idle, []
            sockets = [connection.sock for connection in self._busy]
        for connection in idle:
            connection.close()
        for sock in sockets:
            try:
                if sock:
                    sock.shutdown(socket.SHUT_RDWR)  # shutdown wakes the thread that reads; close alone would not
            except OSError:
                pass  # the connection has ended meanwhile


class _Client:
    """The base of the generated client: calls, batches, waits and server-sent events."""

    def __init__(
        self,
        address: str | None = None,
        *,
        token: str | None = None,
        token_file: str | None = None,
        timeout: float = 60.0,
        call: Callable[..., Any] | None = None,
    ) -> None:
        home = os.environ.get("HERO_HOME") or os.path.expanduser("~/hero")
        if token_file is not None:
            with open(os.path.expanduser(token_file), encoding="utf-8") as file:
                token = file.read().strip()
        self._transport = _Transport(address or f"{home}/var/sockets/hero_logic/rpc.sock", token)
        self._timeout = timeout
        self._via = call
        self._ids = itertools.count(1)

    def call(self, method: str, params: Mapping[str, Any] | None = None, *, timeout: float | None = None) -> Any:
        """Calls a method by its wire name; `timeout` in seconds, default: the client's own."""
        if self._via is not None:
            return self._called(method, dict(params or {}))
        request = self._request(method, params)
        reply = self._post(request, self._timeout if timeout is None else timeout)
        if not isinstance(reply, dict) or ("result" not in reply and "error" not in reply):
            raise HeroError("INTERNAL", "The gateway's answer is no JSON-RPC reply.")
        if "error" in reply:
            raise _error_of(reply["error"])
        return reply["result"]

    def _called(self, method: str, params: dict[str, Any]) -> Any:
        """By `flow.call`: an error of the flow that carries a code is that of the runtime."""
        assert self._via is not None
        try:
            return self._via(method, **params)
        except Exception as error:
            code = getattr(error, "code", None)
            if not isinstance(code, str):
                raise
            raise HeroError(code, str(error)) from error

    def batch(self, calls: Sequence[tuple[str, Mapping[str, Any]]], *, timeout: float | None = None) -> list[Any]:
        """Calls many methods, 50 in one request. Returns the results in order, with a HeroError for each call that failed."""
        results: list[Any] = []
        for start in range(0, len(calls), _BATCH):
            requests = [self._request(method, params) for method, params in calls[start : start + _BATCH]]
            replies = self._post(requests, self._timeout if timeout is None else timeout)
            if not isinstance(replies, list):
                raise _error_of(replies.get("error", {}))
            by_id = {reply["id"]: reply for reply in replies}
            for request in requests:
                reply = by_id.get(request["id"], {"error": {"code": -32603, "message": "No reply to this call."}})
                results.append(_error_of(reply["error"]) if "error" in reply else reply["result"])
        return results

    def close(self) -> None:
        """Closes the client and its connections: calls and streams that wait in other threads raise UNAVAILABLE."""
        self._transport.close()

    def _request(self, method: str, params: Mapping[str, Any] | None) -> dict[str, Any]:
        return {"jsonrpc": "2.0", "id": next(self._ids), "method": method, "params": dict(params or {})}

    def _post(self, request: Any, timeout: float | None) -> Any:
        text = json.dumps(request, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
        # UTF-8 cannot encode a lone surrogate: it is sent as an escape, and the runtime's error explains it.
        body = re.sub(r"[\ud800-\udfff]", lambda found: f"\\u{ord(found.group()):04x}", text).encode()
        return json.loads(self._transport.post(body, timeout))

    def _wait(self, method: str, params: dict[str, Any], limit: str) -> Any:
        """Waits in slices, so that a long wait survives proxies and a restart of the gateway."""
        wanted = int(params.get(limit) or 0)
        end = time.monotonic() + wanted / 1000 if wanted else math.inf
        outage: float | None = None
        while True:
            left = (end - time.monotonic()) * 1000
            slice_ms = max(1, int(min(left, _WAIT_SLICE_MS)))
            started = time.monotonic()
            try:
                result = self.call(method, {**params, limit: slice_ms}, timeout=slice_ms / 1000 + self._timeout)
            except HeroError as error:
                now = time.monotonic()
                outage = outage or now
                if self._transport.closed or error.code not in ("UNAVAILABLE", "TIMEOUT") or now >= end or now - outage > _OUTAGE_SECONDS:
                    raise
                time.sleep(0.25)
                continue
            outage = None
            # A reply before the end of its slice ends the wait.
            if (time.monotonic() - started) * 1000 < slice_ms or time.monotonic() >= end:
                return result

    def _whole(self, play_sid: str, value: Any) -> Any:
        if not isinstance(value, dict) or not {"$size", "$ref"} <= value.keys():
            return value
        return self.call("play_payload", {"play_sid": play_sid, "ref": value["$ref"]})

    def _with_whole(self, play: dict[str, Any], field: str) -> dict[str, Any]:
        play[field] = self._whole(play["sid"], play[field])
        return play

    def _follow(self, path: str, last: int | None) -> Iterator[tuple[str, Any]]:
        """Server-sent events as (event, data), until `end`. After a lost connection it continues where it stopped."""
        outage: float | None = None
        while True:
            try:
                for event, identifier, data in self._stream(path, last):
                    outage = None
                    last = identifier if identifier is not None else last
                    yield event, data
                    if event == "end":
                        return
            except HeroError as error:
                if not error.retry:
                    raise
                outage = outage or time.monotonic()
                if time.monotonic() - outage > _OUTAGE_SECONDS:
                    raise
            time.sleep(0.25)

    def _stream(self, path: str, last: int | None) -> Iterator[tuple[str, int | None, Any]]:
        connection = self._transport.open(_SILENCE_SECONDS)
        headers = {**self._transport.headers, "Accept": "text/event-stream"}
        if last is not None:
            headers["Last-Event-ID"] = str(last)
        try:
            connection.request("GET", path, headers=headers)
            response = connection.getresponse()
            if response.status != 200:
                raise _refusal(response.status, response.read())
            event, identifier, data = "message", None, []
            while line := response.readline():
                name, _, value = line.decode().rstrip("\r\n").partition(":")
                value = value.removeprefix(" ")
                if name == "event":
                    event = value
                elif name == "id":
                    identifier = int(value)
                elif name == "data":
                    data.append(value)
                elif name == "" and value == "" and data:
                    yield event, identifier, json.loads("\n".join(data))
                    event, identifier, data = "message", None, []
        except (OSError, http.client.HTTPException) as error:
            raise self._transport.unreachable(error) from error
        finally:
            self._transport.end(connection)
            connection.close()


def _given(**params: Any) -> dict[str, Any]:
    return {name: value for name, value in params.items() if value is not _LEFT_OUT}


_LEFT_OUT: Any = cast(Any, object())
