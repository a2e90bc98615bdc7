"""Secrets: how a play gets one, and how it is kept out of what leaves the play (docs/secrets.md, decision 26)."""

from .redactor import redactor

__all__ = ["redactor"]
