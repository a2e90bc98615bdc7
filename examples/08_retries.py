"""Retries: a step that fails is tried again, each try is a node of the tree, and a caught error is remembered like a value."""

from hero_tracing import flow

asked = 0  # a service that is away for its first two calls


@flow(retries=3, retry_delay=0.05, jitter=0)
def fetch(url: str) -> str:
    global asked
    asked += 1
    if asked < 3:
        raise ConnectionError(f"{url} does not answer")
    return "the page"


@flow(retries=1, retry_delay=0.05, timeout=30)
def broken() -> str:
    raise ValueError("this never works")


@flow(name="example_retries")
def main() -> dict:
    page = fetch("https://example.org")
    try:
        broken()
    except ValueError as error:  # after the last try its error is raised here
        return {"page": page, "gave_up": str(error)}
    return {"page": page}


if __name__ == "__main__":
    from driver import connect, play_of, save

    with connect() as hero:
        started = hero.play_start(workflow_name=save(hero, __file__))
        play = play_of(hero, started["sid"])
        assert play["output_data"] == {"page": "the page", "gave_up": "this never works"}

        spans = hero.play_spans(play["sid"])["spans"]
        for step, tries in {"fetch": ["failed", "failed", "success"], "broken": ["failed", "failed"]}.items():
            [node] = [span for span in spans if span["name"] == step]
            assert [span["status"] for span in spans if span["parent_id"] == node["id"]] == tries
