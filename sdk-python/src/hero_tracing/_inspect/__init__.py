"""Reads the declarations of a source by parsing it, without running it. `inspection` uses the other modules."""

from .inspection import inspect_source

__all__ = ["inspect_source"]
