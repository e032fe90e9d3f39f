"""Ids and opaque contents, derived from the request: equal requests get equal answers."""

import base64
import hashlib
import json


def text(value: object) -> str:
    return json.dumps(value, sort_keys=True, ensure_ascii=False, separators=(",", ":"))


def digest(*parts: object) -> str:
    return hashlib.sha256(text(parts).encode(errors="surrogatepass")).hexdigest()


def name(prefix: str, *parts: object) -> str:
    return f"{prefix}_{digest(prefix, *parts)[:48]}"


def seal(item_id: str) -> str:
    secret = bytes.fromhex(digest("seal", item_id)) * 6
    return "gAAAAAB" + base64.urlsafe_b64encode(secret).decode()


def verify(item: dict) -> bool:
    return item["encrypted_content"] == seal(item["id"])
