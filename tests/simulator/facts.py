"""What a conversation says: labelled values, tool results, and things with a known look."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass

Scalar = str | int | float | bool | None

LABEL = r"[A-Za-z][\w -]{0,30}?"
LABELLED = re.compile(rf"({LABEL})\s*[:=]\s*(?!//)(.+?)(?=\s*(?:[\n;]|,\s*{LABEL}\s*[:=]|$))")
EMAIL = re.compile(r"(?<![\w.+-])[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63})+")
URL = re.compile(r"https?://[^\s\"'<>]+")
DATE = re.compile(r"\b\d{4}-\d\d-\d\d\b")
NUMBER = re.compile(r"-?\d[\d,]*(?:\.\d+)?")
PERSON = re.compile(r"\b(?:I am|I'm|[Mm]y name is|[Tt]his is)\s+([A-Z]\w+(?: [A-Z]\w+)?)")
COMPANY = re.compile(r"\b(?:at|from|for)\s+([A-Z][\w&-]*(?:\s+[A-Z][\w&-]*)*)")


@dataclass(frozen=True, slots=True)
class Facts:
    """`texts`: what the user said, newest first; `results`: what tools answered, flattened."""

    texts: tuple[str, ...]
    results: dict[str, object]
    labelled: dict[str, str]

    def named(self, name: str) -> object:
        """The value under that name, or one that ends alike (`lead_email` finds `email`)."""
        wanted = plain(name)
        for source in (self.labelled, {plain(k): v for k, v in self.results.items()}):
            if wanted in source:
                return source[wanted]
            for key, value in source.items():
                if len(key) > 2 and (wanted.endswith(key) or key.endswith(wanted)):
                    return value
        return None

    def match(self, pattern: re.Pattern[str]) -> str | None:
        for text in self.texts:
            if found := pattern.search(text):
                return found[found.re.groups and 1]
        return None

    def number_near(self, name: str) -> str | None:
        words = re.escape(name.replace("_", " ").strip())
        for text in self.texts:
            if found := re.search(rf"(?i)\b{words}\D{{0,15}}?({NUMBER.pattern})", text):
                return found[1]
        return self.match(NUMBER)

    def person(self) -> str | None:
        """By label, by introduction, or as the e-mail address spells it."""
        named = self.labelled.get("name") or self.labelled.get("contact") or self.match(PERSON)
        email = self.match(EMAIL)
        return named or (email and re.sub(r"[._+-]+", " ", email.split("@")[0]).title())

    def company(self) -> str | None:
        email = self.match(EMAIL)
        stem = email and email.split("@")[1].split(".")[0].title()
        return self.labelled.get("company") or self.match(COMPANY) or stem

    def gist(self, words: int = 12) -> str:
        """What it is about: a labelled message, or the last line without a label."""
        for label in ("message", "interest", "topic", "request", "subject", "notes"):
            if label in self.labelled:
                return self.labelled[label]
        lines = [line for text in self.texts[:1] for line in text.splitlines() if line.strip()]
        free = [line for line in lines if not LABELLED.search(line)] or lines or [""]
        return " ".join(free[-1].split()[:words])

    def citations(self) -> str:
        said = (f"{name.replace('_', ' ')}: {value}" for name, value in self.results.items())
        return "; ".join(said)


def read(request: dict) -> Facts:
    texts = tuple(reversed([text for role, text in messages(request) if role == "user"]))
    results: dict[str, object] = {}
    for item in items(request):
        if item.get("type") == "function_call_output":
            results |= flatten("result", parsed(item["output"]))
    labelled: dict[str, str] = {}
    for text in texts:
        labelled = dict(labels(text)) | labelled
    return Facts(texts, results, labelled)


def items(request: dict) -> list[dict]:
    given = request["input"]
    return [{"role": "user", "content": given}] if isinstance(given, str) else given


def messages(request: dict) -> Iterator[tuple[str, str]]:
    for item in items(request):
        content = item.get("content")
        if item.get("type", "message") != "message" or content is None:
            continue
        parts = content if isinstance(content, list) else [{"text": content}]
        yield item["role"], "\n".join(part.get("text", "") for part in parts)


def labels(text: str) -> Iterator[tuple[str, str]]:
    """`Company: Acme`, `company = Acme`, and the members of a JSON object in the text."""
    begin, end = text.find("{"), text.rfind("}")
    inner = parsed(text[begin : end + 1]) if 0 <= begin < end else None
    if isinstance(inner, dict):
        yield from ((plain(key), str(value)) for key, value in flatten("", inner).items())
        text = text[:begin] + text[end + 1 :]
    yield from ((plain(name), value.strip()) for name, value in LABELLED.findall(text))


def flatten(name: str, value: object) -> dict[str, object]:
    """Leaves by their own key; a list of scalars is a leaf."""
    if isinstance(value, dict):
        found: dict[str, object] = {}
        for key, inner in value.items():
            found |= flatten(key, inner)
        return found
    if isinstance(value, list) and any(isinstance(inner, dict | list) for inner in value):
        return flatten(name, value[0]) if value else {}
    return {name: value}


def parsed(text: object) -> object:
    if not isinstance(text, str):
        return text
    try:
        return json.loads(text)
    except ValueError:
        return text


def plain(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.lower())
