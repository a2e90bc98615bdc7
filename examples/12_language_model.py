"""A language model: calls with the key as a secret, their tokens and cost in the tree, and an answer that is remembered.

It needs the openai package in the Python of the executor (HERO_PYTHON), and an endpoint. Offline that is the scripted broker, which
prints the environment to start the runtime with: npx hero_logic broker --script examples/12_language_model.json
"""

from hero_tracing import ai, flow

PRICES = {"scripted-model": {"input": 2.5, "output": 10}}  # US dollars per million tokens


@flow
def draft(topic: str) -> str:
    """In a step the call is part of the step, and may be streamed live."""
    asked = [{"role": "user", "content": f"Write one sentence about {topic}."}]
    chunks = ai(prices=PRICES).chat.completions.create(
        messages=asked, stream=True, stream_options={"include_usage": True}
    )
    return "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)


@flow(name="example_language_model", secrets=["AIBROKER_API_KEY"])
def main(topic: str) -> dict:
    client = ai(memo=True, prices=PRICES)  # outside a step, memo=True makes a step of each call
    asked = [{"role": "user", "content": f"Give me a title about {topic}."}]
    title = client.chat.completions.create(messages=asked)
    text = draft(topic)
    flow.sleep(2.1)  # longer than two seconds: the play may lose its process, and no answer is asked for again
    print("the key is", flow.secret("AIBROKER_API_KEY"))
    return {"title": title.choices[0].message.content, "text": text}


if __name__ == "__main__":
    from driver import connect, play_of, save, span_of

    with connect() as hero:
        started = hero.play_start(workflow_name=save(hero, __file__), input_data={"topic": "tea"})
        play = play_of(hero, started["sid"])
        assert play["output_data"] == {"title": "On Tea", "text": "Tea is a leaf that waits."}

        calls = [one for one in span_of(hero, play["sid"], "chat.completions.create") if one["kind"] == "rpc"]
        assert [one["usage"]["input_tokens"] for one in calls] == [400, 600]
        assert round(play["total_cost_usd"], 6) == 0.0045  # 1000 tokens in, 200 out
        [root] = span_of(hero, play["sid"], "example_language_model")
        assert [log["text"] for log in root["logs"]] == ["the key is (redacted: AIBROKER_API_KEY)"]
