"""Tools of kind function: Python with Pydantic in and out, from the modules in AGENTRT_TOOLS.

    @tool(side_effects="none")
    async def enrich(lead: Lead) -> Enriched:
        "What the model reads about the tool."

A second parameter, where there is one, takes the Call: its idempotency key and its customer. A
ToolFault is the tool's own error; whatever else is raised is told to the model by its type.
"""

import asyncio
import inspect
import os
import sys
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from functools import partial
from importlib import import_module
from typing import Any, get_type_hints

from pydantic import TypeAdapter, ValidationError

from sidecar.core.documents import Contract
from sidecar.errors import Misconfigured, ToolFault
from sidecar.stores import documents
from sidecar.stores.db import Db
from sidecar.telemetry import settled
from sidecar.tools.http import Call


@dataclass(frozen=True, slots=True)
class Function:
    """`takes` and `gives` are what its signature says."""

    contract: Contract
    python: Callable[..., Any]
    takes: TypeAdapter[Any]
    gives: TypeAdapter[Any]


def tool(**told: Any) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """`told` are fields of the contract: side_effects, timeout_s, retries, version."""

    def marked(python: Callable[..., Any]) -> Callable[..., Any]:
        hints = get_type_hints(python)
        gives = TypeAdapter(hints.pop("return", Any))
        takes = TypeAdapter(next(iter(hints.values())))
        contract = Contract(
            name=python.__name__,
            description=inspect.getdoc(python) or "",
            input_schema=takes.json_schema(),
            output_schema=gives.json_schema(mode="serialization"),
            kind="function",
            config={"module": python.__module__, "function": python.__name__},  # pyright: ignore
            **told,
        )
        python.agentrt = Function(contract, python, takes, gives)  # pyright: ignore
        return python

    return marked


def found(modules: str) -> dict[str, Function]:
    """Every function tool of the modules (commas between), by its name."""
    sys.path.insert(0, os.getcwd())
    try:
        loaded = [import_module(name.strip()) for name in modules.split(",")]
    except (ImportError, ValidationError, TypeError, StopIteration) as error:
        remedy = "Each name is an importable module, each tool has a docstring and typed arguments."
        raise Misconfigured(f"AGENTRT_TOOLS={modules}: {error}", remedy=remedy) from error
    marked = [getattr(one, "agentrt", None) for module in loaded for one in vars(module).values()]
    return {one.contract.name: one for one in marked if isinstance(one, Function)}


async def ready(db: Db, modules: str) -> Callable[[Call], Awaitable[Any]]:
    """Puts the contracts of the modules' tools; what runs their calls."""
    functions = found(modules)
    for one in functions.values():
        await documents.put(db, one.contract)
    return partial(run, functions)


async def run(functions: Mapping[str, Function], call: Call) -> Any:
    """The parsed result, not yet validated against the contract. ToolFault."""
    one = functions.get(call.contract.name)
    if one is None:
        raise ToolFault("no_worker", f"no {call.contract.name} in AGENTRT_TOOLS", again=True)
    try:
        arguments: list[Any] = [one.takes.validate_python(call.arguments), call]
    except ValidationError as error:
        raise ToolFault("arguments_invalid", str(error)) from error
    arguments = arguments[: len(inspect.signature(one.python).parameters)]
    work = called(one.python, arguments)
    match await settled(asyncio.wait_for(work, call.contract.timeout_s)):
        case ToolFault() as fault:
            raise fault
        case TimeoutError() as error:
            detail = f"no result within {call.contract.timeout_s} s"
            raise ToolFault("tool_timeout", detail, again=True, in_doubt=True) from error
        case BaseException() as error:
            raise ToolFault("tool_failed", f"{type(error).__name__}: {error}") from error
        case value:
            return one.gives.dump_python(value, mode="json")


async def called(python: Callable[..., Any], arguments: list[Any]) -> Any:
    """A plain function runs in a thread: it may block."""
    if inspect.iscoroutinefunction(python):
        return await python(*arguments)
    return await asyncio.to_thread(python, *arguments)
