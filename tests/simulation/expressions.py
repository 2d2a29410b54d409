"""JSONata in state machine definitions: `{% … %}` in templates, evaluated as Step Functions does.

A string that begins with `{%` and ends with `%}` is an expression; anything else stands for itself. Nothing is bound
but variables and `$states`: the input is reached as `$states.input` only. A result that JSON has no word for, such as
undefined or a function, is an error.
"""

from __future__ import annotations

import functools
import json
import re
from typing import TYPE_CHECKING, Any

from jsonata import Jsonata  # type: ignore[import-untyped]
from jsonata.utils import Utils  # type: ignore[import-untyped]

if TYPE_CHECKING:
    from collections.abc import Mapping

# Step Functions has no $eval; the rest would bring real time, chance, or a function that jsonata-python does not have.
_NOT_HERE = re.compile(r"\$(eval|hash|millis|now|parse|partition|random|range|shuffle|uuid)\s*\(")


class EvaluationError(Exception):
    """An expression has no result, or none that JSON can hold."""


def check(template: Any) -> Any:
    """Return a template as it is, or raise ValueError at its first expression that does not parse."""
    if isinstance(template, dict):
        for item in template.values():
            check(item)
    elif isinstance(template, list):
        for item in template:
            check(item)
    elif isinstance(template, str) and ("{%" in template or "%}" in template):
        _check_expression(template)
    return template


def render(template: Any, bindings: Mapping[str, Any]) -> Any:
    """Evaluate a template's expressions; the result shares nothing with the bindings.

    Raises
    ------
    EvaluationError
        When one fails or is undefined; the text is for the execution's cause.
    """
    if isinstance(template, dict):
        return {key: render(item, bindings) for key, item in template.items()}
    if isinstance(template, list):
        return [render(item, bindings) for item in template]
    if isinstance(template, str) and is_expression(template):
        return _evaluate(_inside(template), bindings)
    return template


def is_expression(text: str) -> bool:
    """Tell whether a string is an expression."""
    return text.startswith("{%") and text.endswith("%}")


def _check_expression(text: str) -> None:
    if not is_expression(text):
        raise ValueError(
            f"{text!r} has an expression's bracket, but is none: it has to begin with {{% and end with %}}"
        )
    if found := _NOT_HERE.search(text):
        raise ValueError(f"{text!r} uses {found[0]}), which this interpreter does not have")
    try:
        _compiled(_inside(text))
    except Exception as error:
        raise ValueError(f"{text!r} is not JSONata: {error}") from error


def _inside(text: str) -> str:
    return text[2:-2].strip()


def _evaluate(expression: str, bindings: Mapping[str, Any]) -> Any:
    # jsonata-python takes a variable that is None for an undefined one.
    bound = {name: Utils.NULL_VALUE if value is None else value for name, value in bindings.items()}
    try:
        value = _value(expression, bound)
        # It answers None to null and to undefined alike.
        undefined = value is None and not _value(f"$exists(({expression}))", bound)
    except Exception as error:
        raise EvaluationError(f"The JSONata expression '{expression}' failed: {error}") from error
    if undefined:
        raise EvaluationError(f"The JSONata expression '{expression}' returned nothing (undefined).")
    try:
        return json.loads(json.dumps(value, allow_nan=False))
    except (TypeError, ValueError) as error:
        raise EvaluationError(f"The result of the JSONata expression '{expression}' is not JSON: {error}") from error


def _value(expression: str, bound: Mapping[str, Any]) -> Any:
    compiled = _compiled(expression)
    # jsonata-python evaluates with the expression that this thread has compiled last.
    Jsonata.CURRENT.jsonata = compiled
    return compiled.evaluate(None, bound)


@functools.lru_cache(maxsize=1024)
def _compiled(expression: str) -> Any:
    return Jsonata.jsonata(expression)
