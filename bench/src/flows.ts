/** The flows that the bench plays. Times taken inside a flow are outputs of its last attempt, never remembered. */
export const TRIVIAL = `
from hero_tracing import flow

@flow(name="trivial")
def main():
    return 1
`;

/** Sequential durable steps that do nothing: the milliseconds of one of them. */
export const NOTHING_STEPS = `
import time
from hero_tracing import flow

@flow(name="unit")
def unit():
    return None

@flow(name="steps", inputs={"count": {"type": "integer", "required": True}})
def main(count):
    began = time.perf_counter()
    for _ in range(count):
        unit()
    return (time.perf_counter() - began) * 1000 / count
`;

/** Sequential durable steps: returns the milliseconds of each. */
export const STEPS = `
import time
from hero_tracing import flow

@flow(name="unit")
def unit(i):
    return {"i": i, "text": "x" * 100}

@flow(name="steps", inputs={"count": {"type": "integer", "required": True}})
def main(count):
    took = []
    for i in range(count):
        began = time.perf_counter()
        unit(i)
        took.append((time.perf_counter() - began) * 1000)
    return took
`;

/** The same steps pipelined: the milliseconds of each in the flow, and of the flush after all of them. */
export const PIPELINED = `
import time
from hero_tracing import flow

@flow(name="unit")
def unit(i):
    return {"i": i, "text": "x" * 100}

@flow(name="pipelined", durability="pipelined", inputs={"count": {"type": "integer", "required": True}})
def main(count):
    took = []
    for i in range(count):
        began = time.perf_counter()
        unit(i)
        took.append((time.perf_counter() - began) * 1000)
    began = time.perf_counter()
    flow.flush()
    return {"took": took, "flush": (time.perf_counter() - began) * 1000}
`;

/** Calls the trivial workflow as a play of its own: the milliseconds of each. */
export const spawns = (child: string): string => `
import time
from hero_tracing import flow

@flow(name="spawns", inputs={"count": {"type": "integer", "required": True}})
def main(count):
    took = []
    for i in range(count):
        began = time.perf_counter()
        flow.invoke("${child}", spawn=True)
        took.append((time.perf_counter() - began) * 1000)
    return took
`;

/** A fan-out of remembered steps; with \`pause\` it then waits, so that the next attempt replays all of them. */
export const FAN_OUT = `
import time
from hero_tracing import flow

@flow(name="item")
def item(i):
    return i

@flow(name="fan_out", inputs={"count": {"type": "integer", "required": True}, "pause": {"type": "boolean", "default": False}})
def main(count, pause):
    began = time.perf_counter()
    flow.map(item, list(range(count)), max_workers=8)
    took = (time.perf_counter() - began) * 1000
    if pause:
        flow.pause("go")
    return took
`;

/** Waits once and says when it goes on (Unix milliseconds). */
export const PAUSE = `
import time
from hero_tracing import flow

@flow(name="pausing")
def main():
    flow.pause("go")
    return time.time() * 1000
`;

/** Emits spans at a steady rate; each is tagged with the time at which it was emitted. */
export const SPANS = `
import time
from hero_tracing import flow

@flow(name="spans", inputs={"rate": {"type": "integer", "required": True}, "seconds": {"type": "integer", "required": True}})
def main(rate, seconds):
    began = time.perf_counter()
    for i in range(rate * seconds):
        with flow.step("tick", emitted=time.time() * 1000):
            pass
        wait = began + i / rate - time.perf_counter()
        if wait > 0:
            time.sleep(wait)
    return None
`;
