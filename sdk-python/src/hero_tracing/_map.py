"""`flow.map`: one flow over many items (`_map_items` has the rules)."""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import Callable, Iterable
from json.encoder import encode_basestring as quoted
from typing import Any

from ._awaited import Awaited, check_sync_here
from ._call_site import Site
from ._declare import Declaration
from ._errors import OptionError
from ._map_tasks import TaskMap
from ._map_threads import ThreadMap
from ._node import here

WORKERS = 32


def map_items(fn: Callable[..., Any], items: Iterable[Any], max_workers: int | None) -> Any:
    declaration: Declaration = getattr(fn, "__hero_flow__", None) or Declaration(fn)
    what = f"flow.map({declaration.name}, …)"
    node = here(what)
    workers = WORKERS if max_workers is None else max_workers
    if isinstance(workers, bool) or not isinstance(workers, int) or workers < 1:
        raise OptionError("flow.map: max_workers must be a whole number, 1 or more")
    site = Site(node, quoted(f"map:{declaration.name}"))
    if check_sync_here(what, node):
        return Awaited(what, _map_async(declaration, list(items), workers, site), node.session)
    if declaration.is_async:
        raise OptionError(f"{what}: {declaration.name} is async, so call the map from an async flow and await it")
    return ThreadMap(declaration, list(items), workers, node, site).run()


async def _map_async(declaration: Declaration, items: list[Any], workers: int, site: Site) -> list[Any]:
    node = here("flow.map")
    if declaration.is_async:
        return await TaskMap(declaration, items, workers, node, site).run()

    def run() -> list[Any]:
        return ThreadMap(declaration, items, workers, here("flow.map"), site).run()

    return await asyncio.get_running_loop().run_in_executor(None, contextvars.copy_context().run, run)
