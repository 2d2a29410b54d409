"""JSONata in a state machine's definition: `{% … %}` in templates, evaluated as Step Functions does.

Only variables and `$states` are bound: the input is reached as `$states.input` only. A result that JSON cannot hold,
such as undefined or a function, is an error. `tests/infra/test_jsonata.py` compares with the reference implementation.
"""

from __future__ import annotations

import functools
import json
from typing import TYPE_CHECKING, Any

from jsonata import Jsonata  # type: ignore[import-untyped]
from jsonata.utils import Utils  # type: ignore[import-untyped]

if TYPE_CHECKING:
    from collections.abc import Mapping


class EvaluationError(Exception):
    """An expression has no result, or none that JSON can hold."""


def render(template: Any, bindings: Mapping[str, Any]) -> Any:
    """Evaluate a template's expressions; the result shares nothing with the bindings; or raise `EvaluationError`."""
    if isinstance(template, dict):
        return {key: render(item, bindings) for key, item in template.items()}
    if isinstance(template, list):
        return [render(item, bindings) for item in template]
    if isinstance(template, str) and template.startswith("{%") and template.endswith("%}"):
        return evaluate(template[2:-2].strip(), bindings)
    return template


def evaluate(expression: str, bindings: Mapping[str, Any]) -> Any:
    """Evaluate one expression; raises as :func:`render` does."""
    # jsonata-python takes a variable that is None for an undefined one.
    bound = {name: Utils.NULL_VALUE if value is None else value for name, value in bindings.items()}
    try:
        value = _value(expression, bound)
        # It returns None for null and for undefined alike.
        undefined = value is None and not _value(f"$exists(({expression}))", bound)
        found = json.loads(json.dumps(value, allow_nan=False))
    except Exception as error:
        raise EvaluationError(f"The JSONata expression '{expression}' failed: {error}") from error
    if undefined:
        raise EvaluationError(f"The JSONata expression '{expression}' returned nothing (undefined).")
    return found


def _value(expression: str, bound: Mapping[str, Any]) -> Any:
    compiled = _compiled(expression)
    # jsonata-python evaluates with the expression that this thread has compiled last.
    Jsonata.CURRENT.jsonata = compiled
    return compiled.evaluate(None, bound)


@functools.lru_cache(maxsize=1024)
def _compiled(expression: str) -> Any:
    return Jsonata.jsonata(expression)
