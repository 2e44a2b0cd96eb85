"""HTTP for document systems (v1), problem details, authentication; health, metrics and logs for operators.

The application is imported when it is asked for: settings and commands need not pay for FastAPI.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from gateway.api.application import ApiParts, create_api

__all__ = ["ApiParts", "create_api"]


def __getattr__(name: str) -> object:
    if name not in __all__:
        raise AttributeError(name)
    return getattr(import_module("gateway.api.application"), name)
