"""Checks links: of the repository's Markdown files to one another, and of the pages of a built book.

    check_links.py [BOOK]

Links to other sites are not followed, but those to this repository must name a file that is there.
"""

from __future__ import annotations

import functools
import html.parser
import pathlib
import re
import subprocess
import sys
import urllib.parse

ROOT = pathlib.Path(__file__).resolve().parents[2]
REPOSITORY = re.compile(r"https://github\.com/optiformer/optiformer/(?:blob|tree|edit)/main/([^#?]*)")

CODE = re.compile(r"^(```|~~~).*?^\1|`[^`\n]*`", re.DOTALL | re.MULTILINE)
LINK = re.compile(r"\]\(([^()\s]+)(?:\s+\"[^\"]*\")?\)")
HEADING = re.compile(r"^#{1,6}\s+(.*?)\s*#*$", re.MULTILINE)


def slug(heading: str) -> str:
    """The anchor that GitHub gives a heading."""
    shown = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading).strip().lower()
    return re.sub(r"[^\w\- ]", "", shown.replace("`", "")).replace(" ", "-")


@functools.cache
def anchors_of_markdown(path: pathlib.Path) -> frozenset[str]:
    """The anchors of a file's headings; the second of a name gets a number."""
    text = re.sub(r"^```.*?^```", "", path.read_text(encoding="utf-8"), flags=re.DOTALL | re.MULTILINE)
    seen: dict[str, int] = {}
    anchors = set()
    for heading in HEADING.findall(text):
        name = slug(heading)
        count = seen.get(name, 0)
        seen[name] = count + 1
        anchors.add(f"{name}-{count}" if count else name)
    return frozenset(anchors)


class Page(html.parser.HTMLParser):
    """The links and anchors of a page."""

    def __init__(self, path: pathlib.Path) -> None:
        super().__init__()
        self.links: list[str] = []
        self.anchors: set[str] = set()
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for name, value in attrs:
            if name in ("id", "name") and value:
                self.anchors.add(value)
            if name in ("href", "src") and value and tag != "base":
                self.links.append(value)


@functools.cache
def page_of(path: pathlib.Path) -> Page:
    return Page(path)


def mistake(source: pathlib.Path, link: str, top: pathlib.Path) -> str | None:
    """What is wrong with a link of a file, if anything."""
    own = REPOSITORY.match(link)
    if own:
        return None if (ROOT / urllib.parse.unquote(own[1])).exists() else "the repository has no such file"
    parts = urllib.parse.urlsplit(link)
    if parts.scheme or parts.netloc:
        return None
    path = urllib.parse.unquote(parts.path)
    target = source if not path else (top / path[1:] if path.startswith("/") else source.parent / path).resolve()
    if not target.exists():
        return "no such file"
    if not target.is_relative_to(top):
        return f"outside {top.name}"
    if source.suffix == ".html" and target.is_dir():
        target /= "index.html"
        if not target.exists():
            return "a folder without a page"
    if not parts.fragment:
        return None
    if target.suffix == ".md":
        found = urllib.parse.unquote(parts.fragment) in anchors_of_markdown(target)
    elif target.suffix == ".html":
        found = urllib.parse.unquote(parts.fragment) in page_of(target).anchors
    else:
        return None
    return None if found else "no such heading"


def main() -> int:
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "*.md"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    sources = [(ROOT / name, ROOT) for name in listed.stdout.splitlines() if (ROOT / name).exists()]
    if len(sys.argv) > 1:
        book = pathlib.Path(sys.argv[1]).resolve()
        sources += [(path, book) for path in sorted(book.rglob("*.html"))]
    checked = 0
    mistakes = []
    for source, top in sources:
        if source.suffix == ".md":
            links = LINK.findall(CODE.sub("", source.read_text(encoding="utf-8")))
        else:
            links = page_of(source).links
        for link in links:
            checked += 1
            reason = mistake(source, link, top)
            if reason:
                mistakes.append(f"{source.relative_to(top.parent)}: {link}: {reason}")
    contents = (ROOT / "docs" / "SUMMARY.md").read_text(encoding="utf-8")
    for page in sorted((ROOT / "docs").glob("*.md")):
        if page.name != "SUMMARY.md" and f"({page.name})" not in contents:
            mistakes.append(f"docs/SUMMARY.md: {page.name}: a page that the book lacks")
    print(f"{checked} links of {len(sources)} files, {len(mistakes)} broken")
    print(*mistakes, sep="\n")
    return 1 if mistakes or not checked else 0


if __name__ == "__main__":
    sys.exit(main())
