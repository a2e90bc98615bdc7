"""Flows as methods of a class that hold a client."""
# {"output": ["buy-tea", "buy-milk", "buy-end"], "answers": {"look": 1}}
class Shop:
    def __init__(self, log):
        self.log = log

    def buy(self, item):
        return effect(self.log, f"buy-{item}")

@flow
def main(log):
    shop = Shop(log)
    got = [shop.buy(item) for item in ("tea", "milk")]
    flow.pause("look")
    return got + [shop.buy("end")]
