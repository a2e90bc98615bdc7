"""A simple play: a file is saved as a workflow, played with inputs, and its output is read."""

from hero_tracing import flow


@flow(
    name="example_simple",
    inputs={"words": {"type": "array", "required": True}},
    outputs={"longest": {"type": "string"}},
)
def main(words):
    return {"longest": max(words, key=len)}


if __name__ == "__main__":
    from driver import HeroError, connect, play_of, save

    with connect() as hero:
        name = save(hero, __file__)
        play = hero.play_start(workflow_name=name, input_data={"words": ["tea", "coffee"]})
        assert play["status"] == "pending"  # it is stored, and will run whatever happens

        play = play_of(hero, play["sid"])
        assert play["status"] == "success"
        assert play["output_data"] == {"longest": "coffee"}

        try:  # inputs are checked when a play is started
            hero.play_start(workflow_name=name, input_data={"words": "tea"})
        except HeroError as error:
            print(error)
            assert error.code == "INVALID_PARAMS" and error.issues[0]["path"] == "input_data.words"
        else:
            raise AssertionError("a text is no list")
