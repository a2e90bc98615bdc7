"""What a source declares, read by parsing and never by running it: `inspection` reads it with the help of the others."""

from .inspection import inspect_source

__all__ = ["inspect_source"]
