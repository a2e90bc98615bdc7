"""Fan-out: many steps side by side, in threads and in an event loop, each remembered by itself."""

import asyncio

from hero_tracing import flow


@flow
def square(n: int) -> int:
    return n * n


@flow
async def cube(n: int) -> int:
    await asyncio.sleep(0)
    return n**3


@flow
async def cubes(numbers: list[int]) -> list[int]:
    return await asyncio.gather(*(cube(n) for n in numbers))


@flow(name="example_fan_out")
async def main(numbers: list[int]) -> dict:
    squares = await flow.map(square, numbers, max_workers=4)  # at most four at a time
    return {"squares": squares, "cubes": await cubes(numbers)}


if __name__ == "__main__":
    from driver import connect, play_of, save, span_of

    with connect() as hero:
        numbers = list(range(10))
        started = hero.play_start(workflow_name=save(hero, __file__), input_data={"numbers": numbers})
        play = play_of(hero, started["sid"])
        assert play["output_data"] == {"squares": [n * n for n in numbers], "cubes": [n**3 for n in numbers]}
        assert sorted(span["output"] for span in span_of(hero, play["sid"], "square")) == [n * n for n in numbers]
        assert len(span_of(hero, play["sid"], "cube")) == 10
