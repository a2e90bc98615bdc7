"""A state machine kept in a dataclass, with steps as transitions."""
# {"output": {"state": "sent", "history": ["new-paid", "paid-packed", "packed-sent"]}, "answers": {"send": "yes"}}
from dataclasses import asdict, dataclass, field

@dataclass
class Order:
    state: str = "new"
    history: list = field(default_factory=list)

    def move(self, log, to):
        self.history.append(effect(log, f"{self.state}-{to}"))
        self.state = to

@flow
def main(log):
    order = Order()
    order.move(log, "paid")
    while order.state != "sent":
        order.move(log, "packed")
        if ask_user.choice("Send?", ["yes", "no"], name="send") == "yes":
            order.move(log, "sent")
    return asdict(order)
