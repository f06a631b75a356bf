"""What a flow's form proposes, as if a user had read it and pressed submit."""

from __future__ import annotations

from typing import Any

from homeassistant.config_entries import ConfigFlowResult, SubentryFlowResult
from homeassistant.data_entry_flow import section


def proposed(form: ConfigFlowResult | SubentryFlowResult) -> dict[str, Any]:
    """The input that accepts every proposal of a form."""
    schema = form["data_schema"]
    return {} if schema is None else _filled(schema.schema)


def _filled(fields: dict[Any, Any]) -> dict[str, Any]:
    filled: dict[str, Any] = {}
    for field, kind in fields.items():
        if isinstance(kind, section):
            filled[str(field)] = _filled(kind.schema.schema)
        elif (suggested := (field.description or {}).get("suggested_value")) is not None:
            filled[str(field)] = suggested
        elif callable(field.default):
            filled[str(field)] = field.default()
    return filled
