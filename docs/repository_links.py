"""A preprocessor of mdBook: links to files outside the book's pages become links to the repository.

mdBook calls it with the name of a renderer first, and then passes the context and the book as JSON.
"""

from __future__ import annotations

import json
import pathlib
import posixpath
import re
import sys

DOCS = pathlib.Path(__file__).parent
REPOSITORY = "https://github.com/optiformer/optiformer"

# The target of an inline link or image; code spans and blocks are matched first and left alone.
LINK = re.compile(r"(```.*?```|`[^`\n]*`)|(?<=\]\()([^()\s#:]+)(?=[#)])", re.DOTALL)


def rewritten(target: str, pages: set[str]) -> str:
    """Where a link leads from the book."""
    path = posixpath.normpath(target)
    if path in pages:
        return target
    in_book = not path.startswith("..") and (not path.endswith(".md") or (DOCS / path).with_suffix(".html").exists())
    if in_book and not (DOCS / path).is_dir():
        return target
    place = posixpath.normpath(posixpath.join("docs", path))
    kind = "tree" if (DOCS.parent / place).is_dir() else "blob"
    return f"{REPOSITORY}/{kind}/main/{place}"


def chapters(items: list) -> list[dict]:
    """All chapters, those of chapters too."""
    found = []
    for item in items:
        if isinstance(item, dict) and "Chapter" in item:
            found += [item["Chapter"], *chapters(item["Chapter"]["sub_items"])]
    return found


def main() -> None:
    _, book = json.load(sys.stdin)
    every = chapters(book.get("items") or book["sections"])
    pages = {chapter["path"] for chapter in every if chapter["path"]}
    for chapter in every:
        chapter["content"] = LINK.sub(
            lambda found: found[1] or rewritten(found[2], pages), chapter["content"]
        )
    json.dump(book, sys.stdout)


if __name__ == "__main__":
    if sys.argv[1:2] == ["supports"]:
        sys.exit(0)
    main()
