"""`instrument` with the real `openai`, `anthropic` and `httpx`, against servers that speak their protocols."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Iterator
from typing import Any

import pytest
from anthropic_server import MODEL, AnthropicServer
from fake_executor import FakeExecutor

from hero_tracing import OptionError, ResultNotJson, ai, flow, instrument
from hero_tracing.testing import Ran, ScriptedBroker, play

openai = pytest.importorskip("openai")
anthropic = pytest.importorskip("anthropic")
httpx = pytest.importorskip("httpx")

PRICES = {"scripted-model": {"input": 1, "output": 4}}
USAGE = {"prompt_tokens": 1000, "completion_tokens": 250}
COST = 1000e-6 + 1000e-6
SCRIPT = {
    "replies": [
        {
            "when": {"last": "weather"},
            "tool_calls": [{"name": "weather", "arguments": {"city": "Oslo"}}],
            "usage": USAGE,
        },
        {"when": {"last": "too much"}, "error": {"status": 429, "message": "slow down", "retry_after": 0}},
        {"when": {"last": "break"}, "content": "one two three", "cut_after": 2},
        {"content": "Hello there.", "usage": USAGE},
    ]
}
HELLO = [{"role": "user", "content": "hello"}]


@pytest.fixture
def broker() -> Iterator[ScriptedBroker]:
    with ScriptedBroker(SCRIPT, log=None) as broker:
        yield broker


@pytest.fixture
def messages() -> Iterator[AnthropicServer]:
    with AnthropicServer() as server:
        yield server


def ran(body: Any) -> Ran:
    return play(flow(name="main")(body))


def ask(text: str, **more: Any) -> dict[str, Any]:
    return {"model": "gpt-5", "messages": [{"role": "user", "content": text}], **more}


# --- openai -----------------------------------------------------------------------------------------------------------------------


def test_openai_sync_with_tools_raw_and_refused(broker: ScriptedBroker) -> None:
    with openai.OpenAI(base_url=broker.url, api_key="k-secret-1", max_retries=0) as real:
        client = instrument(real, prices=PRICES)
        assert isinstance(client, openai.OpenAI)
        assert str(client.base_url) == broker.url + "/" and client.max_retries == 0

        def body() -> list[Any]:
            reply = client.chat.completions.create(**ask("hello"))
            tools = client.chat.completions.create(**ask("weather"))
            raw = client.chat.completions.with_raw_response.create(**ask("hello"))
            with pytest.raises(openai.RateLimitError, match="slow down"):
                client.chat.completions.create(**ask("too much"))
            assert isinstance(reply, openai.types.chat.ChatCompletion)
            return [
                reply.choices[0].message.content,
                tools.choices[0].message.tool_calls[0].function.arguments,
                raw.parse().model,
            ]

        run = ran(body)
    assert run.output == ["Hello there.", '{"city": "Oslo"}', "scripted-model"]
    names = [span["name"] for span in run.spans[1:]]
    assert names == ["chat.completions.create"] * 2 + [
        "chat.completions.with_raw_response.create",
        "chat.completions.create",
    ]
    assert [span["cost_usd"] for span in run.spans[1:]] == [pytest.approx(COST)] * 3 + [0.0]
    first, *_, refused = run.spans[1:]
    assert (
        first["tags"]["arguments"] == ask("hello") and first["output"]["system_fingerprint"] == "hero-scripted-broker"
    )
    assert first["usage"] == {"model": "scripted-model", "input_tokens": 1000, "output_tokens": 250}
    assert (
        refused["status"] == "failed"
        and refused["tags"]["status"] == 429
        and "RateLimitError" in refused["error"]["type"]
    )
    assert "k-secret-1" not in str(run.spans)


def test_openai_sync_streams(broker: ScriptedBroker) -> None:
    with openai.OpenAI(base_url=broker.url, api_key="k", max_retries=0) as real:
        client = instrument(real, prices=PRICES)

        def body() -> list[str]:
            stream = client.chat.completions.create(**ask("hello", stream=True, stream_options={"include_usage": True}))
            assert isinstance(stream, openai.Stream)
            text = "".join(chunk.choices[0].delta.content or "" for chunk in stream if chunk.choices)
            with client.chat.completions.stream(**ask("hello", stream_options={"include_usage": True})) as helper:
                events = [event.type for event in helper]
            with pytest.raises(openai.APIConnectionError):
                list(client.chat.completions.create(**ask("break", stream=True)))
            return [text, "content.done" in events]

        run = ran(body)
    assert run.output == ["Hello there.", True]
    plain, helper, broken = run.spans[1:]
    assert plain["output"] == {"chunks": 5, "text": "Hello there."} and plain["cost_usd"] == pytest.approx(COST)
    assert helper["name"] == "chat.completions.stream" and helper["cost_usd"] == pytest.approx(COST)
    assert helper["output"]["choices"][0]["message"]["content"] == "Hello there."
    assert broken["status"] == "failed"


def test_openai_async_calls_and_streams(broker: ScriptedBroker) -> None:
    async def body() -> list[str]:
        async with instrument(
            openai.AsyncOpenAI(base_url=broker.url, api_key="k", max_retries=0), prices=PRICES
        ) as client:
            assert isinstance(client, openai.AsyncOpenAI)
            create = client.chat.completions.create
            one, two = await asyncio.gather(create(**ask("hello")), create(**ask("hello")))
            stream = await create(**ask("hello", stream=True, stream_options={"include_usage": True}))
            text = "".join([chunk.choices[0].delta.content or "" async for chunk in stream if chunk.choices])
            async with client.chat.completions.stream(**ask("hello", stream_options={"include_usage": True})) as helper:
                async for _ in helper:
                    pass
                final = (await helper.get_final_completion()).choices[0].message.content
            with pytest.raises(openai.RateLimitError):
                await create(**ask("too much"))
            return [one.choices[0].message.content, two.choices[0].message.content, text, final]

    run = ran(body)
    assert run.output == ["Hello there."] * 4
    assert [span["status"] for span in run.spans[1:]] == ["success"] * 4 + ["failed"]
    assert run.cost_usd == pytest.approx(4 * COST)


REMEMBERING = """
import asyncio, openai
from hero_tracing import flow, instrument

ASK = {"model": "gpt-5", "messages": [{"role": "user", "content": "hello"}]}

@flow
def main(url: str) -> dict:
    with openai.OpenAI(base_url=url, api_key="k", max_retries=0) as real:
        client = instrument(real, memo=True, prices={"scripted-model": {"input": 1, "output": 4}})
        reply = client.chat.completions.create(**ASK)
        chunks = list(client.chat.completions.create(**ASK, stream=True))
        try:
            client.chat.completions.create(**{**ASK, "messages": [{"role": "user", "content": "too much"}]})
        except openai.RateLimitError as error:
            refused = str(error)
    print(type(reply).__name__, type(reply.choices[0].message).__name__, type(chunks[0]).__name__)
    flow.pause("go on")
    return {"text": reply.choices[0].message.content, "streamed": "".join(c.choices[0].delta.content or "" for c in chunks),
            "dump": reply.model_dump(), "refused": refused}
"""


def test_a_remembered_reply_has_the_same_shape_in_the_first_run_and_in_a_replay(broker: ScriptedBroker) -> None:
    executor = FakeExecutor(REMEMBERING, input={"url": broker.url})
    first = executor.run()
    assert first.code == 75 and len(broker.requests) == 3
    executor.answer("go on", None)
    second = executor.run()
    assert second.code == 0 and len(broker.requests) == 3, "nothing was asked again"
    shapes = ["ChatCompletion ChatCompletionMessage ChatCompletionChunk"]
    assert first.logs() == second.logs() == shapes
    output = json.loads(executor.output) if isinstance(executor.output, str) else executor.output
    assert output["text"] == output["streamed"] == "Hello there." and "slow down" in output["refused"]
    assert output["dump"]["usage"]["prompt_tokens"] == 1000
    assert len(second.replayed()) >= 3
    assert sum(frame.get("cost_usd", 0) for frame in second.frames) == 0, "what is replayed costs nothing again"
    assert sum(frame.get("cost_usd", 0) for frame in first.frames) == pytest.approx(COST)


def test_a_stream_helper_cannot_be_remembered(broker: ScriptedBroker) -> None:
    with openai.OpenAI(base_url=broker.url, api_key="k") as real:
        client = instrument(real, memo=True)
        run = ran(lambda: client.chat.completions.stream(**ask("hello")))
    assert isinstance(run.error, OptionError) and "ChatCompletionStreamManager, which memo=True cannot remember" in str(
        run.error
    )


# --- anthropic --------------------------------------------------------------------------------------------------------------------

ANTHROPIC_COST = 100 * 1e-6 + 900 * 0.1e-6 + 12 * 5e-6


def test_anthropic_sync_calls_and_streams(messages: AnthropicServer) -> None:
    given = {"model": MODEL, "max_tokens": 64, "messages": HELLO}
    with anthropic.Anthropic(base_url=messages.url, api_key="k-secret-2", max_retries=0) as real:
        client = instrument(real)

        def body() -> list[str]:
            reply = client.messages.create(**given)
            deltas = [event.type for event in client.messages.create(**given, stream=True)]
            with client.messages.stream(**given) as stream:
                text = "".join(stream.text_stream)
            with pytest.raises(anthropic.RateLimitError):
                client.messages.create(**{**given, "messages": [{"role": "user", "content": "too much"}]})
            return [reply.content[0].text, deltas[-1], text]

        run = ran(body)
    assert run.output == ["Hello there.", "message_stop", "Hello there."]
    *whole, refused = run.spans[1:]
    assert [span["cost_usd"] for span in whole] == [pytest.approx(ANTHROPIC_COST)] * 3
    assert whole[0]["usage"] == {"model": MODEL, "input_tokens": 1000, "output_tokens": 12, "cached_tokens": 900}
    assert whole[1]["output"]["text"] == "Hello there." and whole[2]["output"]["content"][0]["text"] == "Hello there."
    assert refused["tags"]["status"] == 429 and refused["status"] == "failed" and "k-secret-2" not in str(run.spans)


def test_anthropic_async_calls_and_streams(messages: AnthropicServer) -> None:
    given = {"model": MODEL, "max_tokens": 64, "messages": HELLO}

    async def body() -> list[str]:
        async with anthropic.AsyncAnthropic(base_url=messages.url, api_key="k", max_retries=0) as real:
            client = instrument(real, memo=True)
            reply = await client.messages.create(**given)
            stream = await client.messages.create(**given, stream=True)
            deltas = [event.type async for event in stream]
            plain = instrument(real)
            async with plain.messages.stream(**given) as helper:
                text = "".join([part async for part in helper.text_stream])
            return [type(reply).__name__, reply.content[0].text, deltas[0], text]

    run = ran(body)
    assert run.output == ["Message", "Hello there.", "message_start", "Hello there."]
    assert run.cost_usd == pytest.approx(3 * ANTHROPIC_COST) and len(messages.requests) == 3
    again = run.again()
    assert again.output == run.output and len(messages.requests) == 4, "only the call without memo is made again"


# --- httpx ------------------------------------------------------------------------------------------------------------------------


def test_httpx_sync_and_async(broker: ScriptedBroker) -> None:
    async def body() -> list[Any]:
        with instrument(httpx.Client(base_url=broker.url)) as client:
            assert isinstance(client, httpx.Client) and client.headers["user-agent"].startswith("python-httpx")
            models = client.get("models", params={"api_key": "k-secret-3"}).json()["data"][0]["id"]
            missing = client.get("nothing", headers={"Authorization": "Bearer k-secret-4"}).status_code
            with client.stream("POST", "chat/completions", json=ask("hello", stream=True)) as response:
                lines = [line for line in response.iter_lines() if line]
            with pytest.raises(httpx.ConnectError):
                client.get("http://127.0.0.1:1/")
        async with instrument(httpx.AsyncClient(base_url=broker.url), prices=PRICES) as other:
            posted = (await other.post("chat/completions", json=ask("hello"))).json()["model"]
        return [models, missing, lines[-1], posted]

    run = ran(body)
    assert run.output == ["scripted-model", 404, "data: [DONE]", "scripted-model"]
    listed, missing, streamed, refused, posted = run.spans[1:]
    assert listed["tags"]["status"] == 200 and listed["output"]["body"]["object"] == "list"
    assert missing["tags"]["status"] == 404 and missing["status"] == "success"
    assert streamed["output"] == {"status": 200} and refused["error"]["type"] == "ConnectError"
    assert posted["cost_usd"] == pytest.approx(COST)
    assert "k-secret" not in str(run.spans)


def test_a_response_cannot_be_remembered_and_the_error_says_what_can(broker: ScriptedBroker) -> None:
    with httpx.Client(base_url=broker.url) as real:
        run = ran(lambda: instrument(real, memo=True).get("models"))
    assert isinstance(run.error, ResultNotJson) and "returns data, for example response.json()" in str(run.error)


# --- ai() -------------------------------------------------------------------------------------------------------------------------


def test_ai_is_the_client_of_the_endpoint_that_the_environment_names(
    broker: ScriptedBroker, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in (("URL", broker.url), ("API_KEY", "k-secret-5"), ("MODEL", "any-model")):
        monkeypatch.setenv(f"AIBROKER_{name}", value)

    async def body() -> list[str]:
        with ai(prices=PRICES, max_retries=0) as client:
            first = client.chat.completions.create(messages=HELLO)
            client.with_options(timeout=5).chat.completions.create(messages=HELLO, model="other")
        async with ai(asynchronous=True) as other:
            second = await other.chat.completions.create(messages=HELLO)
        return [first.choices[0].message.content, second.choices[0].message.content]

    run = ran(body)
    assert run.output == ["Hello there."] * 2
    assert [request["model"] for request in broker.requests] == ["any-model", "other", "any-model"]
    assert run.cost_usd == pytest.approx(2 * COST) and "k-secret" not in str(run.spans)
    assert run.tree == "✓ main" + "\n  ✓ chat.completions.create" * 3


def test_ai_says_what_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AIBROKER_URL", "AIBROKER_API_KEY", "AIBROKER_MODEL"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(
        OptionError, match=r"ai\(\) needs AIBROKER_URL \(any OpenAI-compatible .*AIBROKER_API_KEY .*AIBROKER_MODEL"
    ):
        ai()
    for name in ("AIBROKER_URL", "AIBROKER_API_KEY", "AIBROKER_MODEL"):
        monkeypatch.setenv(name, "x")
    monkeypatch.setitem(sys.modules, "openai", None)
    with pytest.raises(OptionError, match="ai\\(\\) needs the openai package: pip install openai"):
        ai()


IN_A_PLAY = """
from hero_tracing import ai, flow

@flow(secrets=["AIBROKER_API_KEY"])
def main():
    client = ai(memo=True, max_retries=0)
    reply = client.chat.completions.create(messages=[{"role": "user", "content": "hello"}])
    flow.pause("go on")
    return [reply.choices[0].message.content, client.api_key]
"""


def test_ai_in_a_play_asks_the_executor_for_the_endpoint_and_for_its_key(broker: ScriptedBroker) -> None:
    executor = FakeExecutor(IN_A_PLAY)
    executor.run()
    assert executor.error is not None and executor.error["message"] == "ai(): There is no language model."
    executor = FakeExecutor(IN_A_PLAY)
    executor.broker, executor.secrets = {"url": broker.url, "model": "any-model"}, {"AIBROKER_API_KEY": "k-secret-5"}
    assert executor.run().code == 75
    executor.answer("go on", None)
    executor.run()
    assert len(broker.requests) == 1, "the answer is remembered"
    assert broker.requests[0]["model"] == "any-model"
    assert executor.error is not None and executor.error["type"] == "ContainsSecret", "the key is not to be returned"
    assert "k-secret-5" not in json.dumps([[attempt.frames, attempt.events] for attempt in executor.attempts])
