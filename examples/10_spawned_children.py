"""Spawned children: each is a play of its own on any executor; the parent holds no slot while it waits for them."""

from hero_tracing import ChildFailed, flow


@flow
def price_of(item: str) -> int | None:
    try:
        return flow.invoke("example_price", spawn=True, item=item)["price"]
    except ChildFailed as error:  # a child that fails is an exception here
        flow.current_span.log(f"no price: {error}")
        return None


@flow(name="example_children")
def main(items: list[str]) -> dict:
    return dict(zip(items, flow.map(price_of, items)))


if __name__ == "__main__":
    from driver import HERE, connect, play_of, save, span_of

    with connect() as hero:
        save(hero, HERE / "example_price.py")
        items = ["tea", "milk", "gold"]
        started = hero.play_start(workflow_name=save(hero, __file__), input_data={"items": items})
        play = play_of(hero, started["sid"])
        assert play["output_data"] == {"tea": 3, "milk": 2, "gold": None}

        for span, status in zip(span_of(hero, play["sid"], "example_price"), ["success", "success", "failed"]):
            child = hero.play_status(span["child_play_sid"])
            print(child["sid"], child["status"])
            assert (child["parent_play_sid"], child["status"]) == (play["sid"], status)
