"""An agent loop: a scripted model asks for tools until it is done; one tool needs approval."""
# {"output": ["bought tea", "buy(tea)"], "answers": {"approve": true}, "repeats": ["tool-buy"]}
SCRIPT = [{"tool": "search", "arg": "tea"}, {"tool": "buy", "arg": "tea"}, {"say": "bought tea"}]

@flow
def model(log, messages):
    note(log, f"model-{len(messages)}")
    return SCRIPT[len(messages) // 2]

@flow
def tool(log, name, arg):
    note(log, f"tool-{name}")
    if name == "buy" and not ask_user.confirm("Buy?", name="approve"):
        return "refused"
    return f"{name}({arg})"

@flow
def main(log):
    messages = []
    while True:
        turn = model(log, messages)
        if "say" in turn:
            return [turn["say"], messages[-1]]
        messages.append(turn)
        messages.append(tool(log, turn["tool"], turn["arg"]))
