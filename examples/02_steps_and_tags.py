"""Steps, tags, logs and costs: what the tree of a play shows."""

from hero_tracing import flow


@flow
def count(text: str) -> int:
    """A flow that another one calls is a step: its result is remembered."""
    words = len(text.split())
    flow.current_span.tag("words", words)
    flow.current_span.log(f"counted {words} words")
    flow.current_span.cost(0.002, input_tokens=words)
    return words


@flow(name="example_tags")
def main(texts: list[str]) -> dict:
    counts = [count(text) for text in texts]
    with flow.step("summary", texts=len(texts)) as step:  # a part of the tree without memory
        print("what a flow prints is a log, too")
        step.tag("total", sum(counts))
    return {"total": sum(counts)}


if __name__ == "__main__":
    from driver import connect, play_of, save, span_of

    with connect() as hero:
        play = hero.play_start(workflow_name=save(hero, __file__), input_data={"texts": ["one two", "three"]})
        play = play_of(hero, play["sid"])
        assert play["output_data"] == {"total": 3}
        assert play["total_cost_usd"] == 0.004

        first, second = span_of(hero, play["sid"], "count")
        assert first["kind"] == "step" and first["output"] == 2 and first["tags"]["words"] == 2
        assert [log["text"] for log in second["logs"]] == ["counted 1 words"]
        assert second["usage"] == {"input_tokens": 1}

        [summary] = span_of(hero, play["sid"], "summary")
        assert summary["tags"] == {"texts": 2, "total": 3}
        assert [log["text"] for log in summary["logs"]] == ["what a flow prints is a log, too"]
