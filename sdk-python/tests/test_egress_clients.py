"""The usual clients reach an allowed host from inside the sandbox without code: HTTP, HTTPS with its certificate checked, and refusals."""

from __future__ import annotations

import contextlib
import http.server
import json
import shutil
import ssl
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from _egress_proxy import Proxy
from _forkserver_executor import Executor

for _client in ("aiohttp", "httpx", "openai", "requests"):
    pytest.importorskip(_client)
pytestmark = pytest.mark.skipif(
    not (sys.platform.startswith("linux") and shutil.which("openssl")), reason="namespaces are Linux's; needs openssl"
)

ANSWER = {
    "id": "c1", "object": "chat.completion", "created": 1, "model": "m",
    "choices": [{"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "reached"}}],
}  # fmt: skip
# URL and the path of the certificate are given; each says "reached".
CLIENTS = {
    "urllib": "urllib.request.urlopen(URL, context=context()).read().decode()",
    "requests": "__import__('requests').get(URL, verify=CERTIFICATE).text",
    "httpx": "__import__('httpx').get(URL, verify=context()).text",
    "httpx, async": "asyncio.run(httpx_async())",
    "aiohttp": "asyncio.run(aiohttp_get())",
    "openai": "openai_chat()",
    "curl": "subprocess.run(['curl', '-sS', '--cacert', CERTIFICATE, URL], capture_output=True, text=True).stdout",
}
CODE = """
import asyncio, os, ssl, subprocess, urllib.request
CERTIFICATE = os.path.abspath("certificate.pem")
open(CERTIFICATE, "w").write({certificate!r})
URL, URLS = None, {urls!r}
def context():
    return ssl.create_default_context(cafile=CERTIFICATE)
async def httpx_async():
    import httpx
    async with httpx.AsyncClient(verify=context()) as client:
        return (await client.get(URL)).text
async def aiohttp_get():
    import aiohttp
    async with aiohttp.ClientSession(trust_env=True) as session:
        async with session.get(URL, ssl=context() if URL.startswith("https") else True) as answer:
            return await answer.text()
def openai_chat():
    import httpx, openai
    client = openai.OpenAI(base_url=URL, api_key="x", max_retries=0, http_client=httpx.Client(verify=context()))
    return client.chat.completions.create(model="m", messages=[]).choices[0].message.content
for name, code in {clients!r}.items():
    for URL in URLS:
        try: said = eval(code)
        except Exception as error: said = f"{{type(error).__name__}}: {{error}}"
        say([name, URL, said])
"""


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self._answer(b"reached")

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["content-length"]))
        self._answer(json.dumps(ANSWER).encode(), "application/json")

    def _answer(self, body: bytes, kind: str = "text/plain") -> None:
        self.send_response(200)
        self.send_header("content-type", kind)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """Quiet."""


def _certificate(folder: Path) -> tuple[Path, Path]:
    key, certificate = folder / "key.pem", folder / "certificate.pem"
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"]  # fmt: skip
    more = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost", "-keyout", str(key), "-out", str(certificate)]  # fmt: skip
    subprocess.run([*command, *more], check=True, capture_output=True)
    return key, certificate


@contextlib.contextmanager
def _server(secured_by: tuple[Path, Path] | None) -> Iterator[int]:
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    if secured_by:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(secured_by[1], secured_by[0])
        server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def test_the_usual_clients_reach_what_is_named_and_are_told_what_is_not(tmp_path: Path) -> None:
    files = _certificate(tmp_path)
    with contextlib.ExitStack() as stack:
        plain, secured = stack.enter_context(_server(None)), stack.enter_context(_server(files))
        proxy = stack.enter_context(Proxy([f"localhost:{plain}", f"localhost:{secured}"]))
        executor = stack.enter_context(Executor(egress="proxy", proxy=proxy.settings()))
        if "network by proxy only" not in executor.ready["enforced"]:
            pytest.skip(f"this machine refuses {executor.ready['missing']}")
        reached = [f"http://localhost:{plain}/", f"https://localhost:{secured}/"]
        refused = [f"http://127.0.0.1:{plain}/", f"https://127.0.0.1:{secured}/"]
        play = executor.order("clients", "clients")
        proxy.grant(play.token)
        urls = [*reached, *refused]
        play.run(CODE.format(certificate=files[1].read_text(), urls=urls, clients=CLIENTS))
        play.lanes["control"].settimeout(60)
        said = {(name, url): text for name, url, text in (play.says() for _ in CLIENTS for _ in urls)}
        play.exit()
        for name in CLIENTS:
            assert [said[name, url] for url in reached] == ["reached", "reached"], name
            for url in refused:
                assert "reached" not in said[name, url], (name, url)
        # The remedy stands in the error itself, where a tunnel was asked for, or in the answer.
        tunnels, requests = (
            {name for name in CLIENTS if "HERO_EGRESS" in said[name, url]} for url in reversed(refused)
        )
        assert tunnels >= {"urllib", "requests", "httpx", "httpx, async"}, said
        assert requests >= {"urllib", "requests", "httpx", "httpx, async", "aiohttp", "curl"}, said
