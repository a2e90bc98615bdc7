"""The workflow that the examples of sub-flows and of spawned children call by its name."""

from hero_tracing import flow

PRICES = {"tea": 3, "milk": 2}


@flow(
    name="example_price", inputs={"item": {"type": "string", "required": True}}, outputs={"price": {"type": "integer"}}
)
def main(item):
    if item not in PRICES:
        raise flow.Failed(f"nobody sells {item}", item=item)
    return {"price": PRICES[item]}
