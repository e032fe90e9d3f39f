"""An instance of a JSON Schema, filled with what the conversation says."""

import math
import re
from collections.abc import Callable

from jsonschema import Draft202012Validator

from tests.simulator import pattern
from tests.simulator.facts import DATE, EMAIL, NUMBER, URL, Facts

TRUE_WORDS = ("true", "yes", "1", "on")
UUID = r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
FORMATS = {
    "date": (DATE, "2026-01-15"),
    "date-time": (re.compile(r"\b\d{4}-\d\d-\d\dT[\d:.]+Z"), "2026-01-15T09:00:00Z"),
    "duration": (re.compile(r"\bP\d+[DWMY]\b"), "P1D"),
    "email": (EMAIL, "nobody@example.com"),
    "hostname": (re.compile(r"(?<![\w.-])(?:[a-z0-9-]{1,63}\.){1,8}[a-z]{2,24}\b"), "example.com"),
    "ipv4": (re.compile(r"\b(?:\d{1,3}\.){3}\d{1,3}\b"), "192.0.2.1"),
    "ipv6": (re.compile(r"\b[0-9a-f]{1,4}(?:::?[0-9a-f]{1,4})+\b"), "2001:db8::1"),
    "time": (re.compile(r"\b\d\d:\d\d:\d\dZ\b"), "09:00:00Z"),
    "uri": (URL, "https://example.com/"),
    "uuid": (re.compile(rf"\b{UUID}\b"), "00000000-0000-4000-8000-000000000000"),
}


class Filler:
    """`prose(name)` is the text of a string nothing in the conversation names."""

    def __init__(self, root: dict, facts: Facts, prose: Callable[[str], str]) -> None:
        self.root, self.facts, self.prose = root, facts, prose

    def whole(self) -> object:
        return self.value("", self.root, 0)

    def value(self, name: str, schema: dict, depth: int) -> object:
        schema = self._resolved(schema)
        if depth > 50:  # a schema that only ever leads to itself
            return None
        if "const" in schema:
            return schema["const"]
        if "enum" in schema:
            return self._choice(schema["enum"])
        if options := schema.get("anyOf") or schema.get("oneOf"):
            return self._option(name, options, depth)
        kinds = schema.get("type") or ("object" if "properties" in schema else "string")
        kind = kinds if isinstance(kinds, str) else next(k for k in kinds if k != "null")
        match kind:
            case "object":
                return self._object(schema, depth)
            case "array":
                return self._array(name, schema, depth)
            case "integer" | "number":
                return self._number(name, schema, kind)
            case "boolean":
                return self._boolean(name)
            case "null":
                return None
        return self._string(name, schema)

    def _resolved(self, schema: dict) -> dict:
        while "$ref" in schema:
            found = self.root
            for step in schema["$ref"].split("/")[1:]:
                found = found[step.replace("~1", "/").replace("~0", "~")]
            schema = found
        return schema

    def _choice(self, options: list) -> object:
        """The first that occurs in what was said or found, else the first."""
        said = " ".join([*self.facts.texts, self.facts.citations()]).lower()
        return next((option for option in options if str(option).lower() in said), options[0])

    def _option(self, name: str, options: list[dict], depth: int) -> object:
        """Recursive choices end: deep down the null or the last option is taken."""
        nothing = [option for option in options if option.get("type") == "null"]
        something = [option for option in options if option.get("type") != "null"]
        if nothing and (depth > 3 or not something):
            return None
        return self.value(name, something[0 if depth <= 3 else -1], depth)

    def _object(self, schema: dict, depth: int) -> dict:
        properties, required = schema.get("properties", {}), schema.get("required", [])
        wanted = [name for name in properties if name in required or depth <= 3]
        return {name: self.value(name, properties[name], depth + 1) for name in wanted}

    def _array(self, name: str, schema: dict, depth: int) -> list:
        least, most = schema.get("minItems", 0), schema.get("maxItems", math.inf)
        if depth > 3 and least == 0:
            return []
        items = schema.get("items") or {"type": "string"}
        length = int(min(max(least, 1), most))
        if "enum" in items:
            return list(items["enum"])[:length]
        said = self.facts.named(name)
        if isinstance(said, list) and self._fits(said, schema):
            return list(said)
        return [self.value(name, items, depth + 1) for _ in range(length)]

    def _fits(self, said: list, schema: dict) -> bool:
        whole = {**schema, "$defs": self.root.get("$defs", {})}
        checker = Draft202012Validator.FORMAT_CHECKER
        return Draft202012Validator(whole, format_checker=checker).is_valid(said)

    def _number(self, name: str, schema: dict, kind: str) -> int | float:
        said = self.facts.named(name)
        found = NUMBER.search(str(said)) if said is not None else None
        text = found[0] if found else self.facts.number_near(name) or "0"
        number = float(text.replace(",", ""))
        step = schema.get("multipleOf") or (1 if kind == "integer" else None)
        low = schema.get("minimum", schema.get("exclusiveMinimum", -math.inf) + (step or 1e-3))
        high = schema.get("maximum", schema.get("exclusiveMaximum", math.inf) - (step or 1e-3))
        number = min(max(number, low), high)
        if step:
            number = math.floor(number / step) * step
            number = number + step if number < low else number
        return int(number) if float(number).is_integer() else number

    def _boolean(self, name: str) -> bool:
        said = self.facts.named(name)
        if said is not None:
            return str(said).lower() in TRUE_WORDS
        words = name.replace("_", " ").lower()
        return any(words in text.lower() for text in self.facts.texts)

    def _string(self, name: str, schema: dict) -> str:
        if "pattern" in schema:
            return pattern.fit(schema["pattern"], self.facts.texts)
        plain = "minLength" not in schema and name.lower().endswith("email")
        form = schema.get("format") or ("email" if plain else "")
        if form in FORMATS:
            look, fallback = FORMATS[form]
            return self.facts.match(look) or fallback
        said = self.facts.named(name)
        text = self.prose(name) if said is None or isinstance(said, list) else str(said)
        text = text.ljust(schema.get("minLength", 0), ".")
        return text[: schema.get("maxLength")]


def broken(instance: object) -> object:
    """The same, but never an instance of the schema it was made for."""
    if isinstance(instance, dict) and instance:
        return {name: {"unexpected": [value]} for name, value in instance.items()}
    return {"unexpected": [instance]} if not isinstance(instance, dict) else [instance]
