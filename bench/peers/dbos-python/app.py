"""What DBOS for Python runs.

DBOS is a library: workflows are functions of this process, and each start, step and end is a commit in PostgreSQL. Whoever starts
a workflow is in the same process, as in DBOS's own guide. Steps one after the other are plain functions, a fan-out is an async
workflow that gathers async steps, a question is `DBOS.recv`, a child is `DBOS.start_workflow` inside a workflow. There is no
suspension: a replay is the recovery at `DBOS.launch` after the process was killed.

It speaks with the bench as serve.mjs does: a JSON request per line on stdin, a JSON answer per line on stdout.
"""

import asyncio
import json
import os
import sys
import threading
import time
import traceback
from concurrent.futures import ThreadPoolExecutor

from dbos import DBOS, SetWorkflowID

LIMIT = 600


def ms() -> float:
    return time.perf_counter() * 1000


def now() -> float:
    return time.time() * 1000


@DBOS.step()
def unit():
    return None


@DBOS.step()
async def item(i):
    return i


@DBOS.workflow()
def trivial():
    return 1


@DBOS.workflow()
def steps(count):
    began = ms()
    for _ in range(count):
        unit()
    return (ms() - began) / count


async def items(count):
    began = ms()
    await asyncio.gather(*(item(i) for i in range(count)))
    return ms() - began


@DBOS.workflow()
async def fan_out(count):
    return await items(count)


@DBOS.workflow()
def spawns(count):
    took = []
    for _ in range(count):
        began = ms()
        DBOS.start_workflow(trivial).get_result()
        took.append(ms() - began)
    return took


@DBOS.workflow()
def asks():
    DBOS.recv("go", timeout_seconds=LIMIT)
    return now()


@DBOS.workflow()
async def replays(count):
    """Remembers `count` steps, says so, waits, and says how long the last attempt took to come as far as the wait."""
    took = await items(count)
    await DBOS.set_event_async("remembered", True)
    await DBOS.recv_async("go", timeout_seconds=LIMIT)
    return took


def one_by_one(count):
    took = []
    for _ in range(count):
        began = ms()
        DBOS.start_workflow(trivial).get_result()
        took.append(ms() - began)
    return took


def side_by_side(count, together):
    began = ms()
    with ThreadPoolExecutor(together) as pool:
        for future in [pool.submit(lambda: DBOS.start_workflow(trivial).get_result()) for _ in range(count)]:
            future.result()
    return [ms() - began]


def answer(count, settle):
    took = []
    for _ in range(count):
        handle = DBOS.start_workflow(asks)
        time.sleep(settle / 1000)
        answered = now()
        DBOS.send(handle.workflow_id, "yes", "go")
        took.append(handle.get_result() - answered)
    return took


# An async workflow runs in the event loop of whoever starts it; this one runs as long as the process.
LOOP = asyncio.new_event_loop()
threading.Thread(target=LOOP.run_forever, daemon=True).start()


def in_loop(coroutine):
    return asyncio.run_coroutine_threadsafe(coroutine, LOOP).result()


async def gathered(count):
    handle = await DBOS.start_workflow_async(fan_out, count)
    return await handle.get_result()


async def waiting(count, id):
    with SetWorkflowID(id):
        await DBOS.start_workflow_async(replays, count)
    await DBOS.get_event_async(id, "remembered", timeout_seconds=LIMIT)


def remember(count, id):
    in_loop(waiting(count, id))
    return []


def recovered(id):
    """In the process that was started after the one with `remember` was killed."""
    DBOS.send(id, "yes", "go")
    took = DBOS.retrieve_workflow(id).get_result(polling_interval_sec=0.01)
    return [took, ms() - LAUNCHED]


WORKS = {
    "trivial": one_by_one,
    "together": side_by_side,
    "steps": lambda count: [DBOS.start_workflow(steps, count).get_result()],
    "fanOut": lambda count: [in_loop(gathered(count))],
    "spawn": lambda count: DBOS.start_workflow(spawns, count).get_result(),
    "answer": answer,
    "remember": remember,
    "recovered": recovered,
}


def say(message):
    print(json.dumps(message), flush=True)


DBOS(
    config={
        "name": "bench",
        "system_database_url": os.environ["DATABASE_URL"],
        "application_version": "bench",
        "log_level": "ERROR",
    }
)
LAUNCHED = ms()
DBOS.launch()
say({"ready": {}})
for line in sys.stdin:
    request = json.loads(line)
    work = request.pop("work")
    try:
        say({"took": WORKS[work](**request)})
    except Exception:
        say({"error": traceback.format_exc()})
os._exit(0)
