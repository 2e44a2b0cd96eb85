"""The OpenAPI document of the application: FastAPI's, with the schemas that raw bodies and problems need."""

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from pydantic.json_schema import models_json_schema

from gateway.api.problem import ErrorBody, ProblemBody
from gateway.api.schemas import DocumentIn

_REF = "#/components/schemas/{model}"


def described(app: FastAPI) -> dict[str, Any]:
    """The document as plain values; made once."""
    if app.openapi_schema is None:
        app.openapi_schema = _made(app)
    return app.openapi_schema


def _made(app: FastAPI) -> dict[str, Any]:
    whole = get_openapi(
        title=app.title,
        version=app.version,
        openapi_version="3.1.0",
        summary=app.summary,
        description=app.description,
        routes=app.routes,
        tags=app.openapi_tags,
    )
    components = whole.setdefault("components", {})
    schemas = components.setdefault("schemas", {})
    _, added = models_json_schema(
        [(DocumentIn, "validation"), (ProblemBody, "serialization"), (ErrorBody, "serialization")], ref_template=_REF
    )
    for name, schema in added["$defs"].items():
        schemas.setdefault(name, schema)
    components["schemas"] = dict(sorted(schemas.items()))
    components["securitySchemes"] = {
        "apiKey": {
            "type": "http",
            "scheme": "bearer",
            "description": "ltg_… from `gateway clients add`; bound to units. "
            "/health/ready and /metrics also take the operations token.",
        }
    }
    whole["security"] = [{"apiKey": []}]
    return whole
