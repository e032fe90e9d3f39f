"""Writes docs/settings.md from sidecar/settings.py; with --check, fails where it has drifted."""

import sys
from pathlib import Path

from sidecar.settings import Settings

PAGE = Path(__file__).parents[2] / "docs" / "settings.md"
HEAD = """# Settings

Read once from the environment when a process starts. `sidecar/settings.py` is the source of this
page (`make schemas` writes it).

| variable | default | says |
|---|---|---|
"""


def page() -> str:
    rows: list[str] = []
    for one in Settings.model_fields.values():
        default = f"`{one.default}`" if one.default else ""
        rows.append(f"| `{one.validation_alias}` | {default} | {one.description} |\n")
    return HEAD + "".join(rows)


def main() -> None:
    drifted = not PAGE.exists() or PAGE.read_text() != page()
    if "--check" in sys.argv:
        sys.exit("docs/settings.md has drifted; run: make schemas" if drifted else 0)
    PAGE.parent.mkdir(exist_ok=True)
    PAGE.write_text(page())


if __name__ == "__main__":
    main()
