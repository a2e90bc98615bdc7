"""A webhook answer: the flow makes a signed link, and another service posts the answer to it, once."""

from hero_tracing import flow

PAID = {"type": "object", "required": ["amount"], "properties": {"amount": {"type": "integer", "minimum": 1}}}


@flow(name="example_webhook")
def main(order: str) -> dict:
    link = flow.webhook("paid", expires=3600)
    flow.current_span.tag(
        "link", link
    )  # a real flow gives it to the payment service, with the gateway's address before it
    paid = flow.pause("paid", schema=PAID)  # without `ui` no form is shown: this question is for machines
    return {"order": order, "amount": paid["amount"]}


if __name__ == "__main__":
    from driver import connect, event, play_of, post, save

    with connect() as hero:
        sid = hero.play_start(workflow_name=save(hero, __file__), input_data={"order": "tea"})["sid"]
        hero.play_wait(sid, until="settled")
        link = event(hero, sid, "span_tagged")["tags"]["link"]

        assert post(link, {"amount": 0}) == 404  # does not satisfy the schema; every refusal is the same
        assert post(link, {"amount": 3}) == 200
        assert post(link, {"amount": 4}) == 404  # a link is good once

        play = play_of(hero, sid)
        assert play["output_data"] == {"order": "tea", "amount": 3}
