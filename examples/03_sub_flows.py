"""Composition: a flow calls functions of its file, and another workflow of the library by its name."""

from hero_tracing import flow


@flow
def quote(item: str, amount: int) -> int:
    """A sub-flow of this file, which calls a workflow that has versions of its own."""
    found = flow.invoke("example_price", item=item)  # in this process; the version is chosen once per play
    return found["price"] * amount


@flow(name="example_sub_flows")
def main(order: dict[str, int]) -> dict:
    return {"total": sum(quote(item, amount) for item, amount in order.items())}


if __name__ == "__main__":
    from driver import HERE, connect, play_of, save, span_of

    with connect() as hero:
        save(hero, HERE / "example_price.py")
        play = hero.play_start(workflow_name=save(hero, __file__), input_data={"order": {"tea": 2, "milk": 1}})
        play = play_of(hero, play["sid"])
        assert play["output_data"] == {"total": 8}

        calls = span_of(hero, play["sid"], "example_price")
        quotes = span_of(hero, play["sid"], "quote")
        assert [call["kind"] for call in calls] == ["subflow", "subflow"]
        assert [call["parent_id"] for call in calls] == [quote["id"] for quote in quotes]
