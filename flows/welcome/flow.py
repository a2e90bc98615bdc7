"""The first flow: it fans out, waits for a person, and goes on where it stopped."""

from hero_tracing import ask_user, flow

LANGUAGES = ["English", "French", "Swahili", "Japanese"]
HELLOS = {"English": "Hello", "French": "Bonjour", "Swahili": "Habari", "Japanese": "Konnichiwa"}


@flow
def translate(language: str) -> dict:
    """One step: it runs once, and its result is remembered for the rest of the play."""
    flow.current_span.tag("language", language)
    flow.current_span.log(f"looking up how to say hello in {language}")
    return {"language": language, "hello": HELLOS[language]}


@flow
def greet(hello: str, name: str) -> str:
    print(f"greeting {name}")  # what a flow prints becomes a log of its span
    return f"{hello}, {name}!"


@flow(
    name="welcome",
    description="Says hello in the language you choose: a fan-out, a question, and a replay in thirty lines.",
    inputs={"name": {"type": "string", "default": "world", "description": "Whom to greet."}},
    outputs={"message": {"type": "string"}, "languages": {"type": "integer"}},
    tags=["example"],
)
def main(name):
    found = flow.map(translate, LANGUAGES)  # side by side, each a step of its own

    with flow.step("prepare", languages=len(found)) as step:  # a part of the tree without memory
        hellos = {item["language"]: item["hello"] for item in found}
        step.tag("hellos", list(hellos.values()))

    # The play stops here and holds no process. When the answer has arrived, it starts again from the top, and the four
    # translations are not run a second time: they are remembered.
    language = ask_user.choice("In which language?", options=list(hellos), name="greeting")

    return {"message": greet(hellos[language], name), "languages": len(found)}


if __name__ == "__main__":
    print(main("world"))
