#!/usr/bin/env python3
"""Checks that Markdown has one sentence or one paragraph a line, so that a change of a word is a change of a line.

    python tests/scripts/check_markdown.py                 # every Markdown file of the repository
    python tests/scripts/check_markdown.py --fix FILE ...  # joins the lines of paragraphs that break within a sentence
"""

import argparse
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
# What begins a block of its own: headings, tables, quotes, HTML, link definitions, items, rules.
BLOCK = re.compile(r"\s*(#|\||>|<|\[[^\]]+\]:|[-*+] |\d+[.)] |---|===)")
ITEM = re.compile(r"\s*([-*+]|\d+[.)]) ")
SENTENCE_END = re.compile(r"[.!?:]['\")*_`\]]*$")


def paragraphs(lines):
    """Yields runs of numbers of lines that belong to one paragraph or item."""
    run, fence = [], None
    # Front matter is YAML.
    front = lines.index("---", 1) if lines[0] == "---" and "---" in lines[1:] else -1
    for number, line in enumerate(lines):
        if number <= front:
            continue
        marker = re.match(r"\s*(```+|~~~+)", line)
        if fence:
            fence = None if marker and marker[1].startswith(fence) else fence
            continue
        begins = bool(BLOCK.match(line)) or bool(marker) or not line.strip()
        if begins:
            if run:
                yield run
            # A heading or a row of a table is never continued, an item is.
            run = [number] if ITEM.match(line) else []
            fence = marker[1] if marker else None
        else:
            run.append(number)
    if run:
        yield run


def breaks(lines, run):
    """The numbers of lines of a paragraph whose sentence goes on in the next one."""
    # Two spaces at the end are a line break that is meant.
    return [n for n in run[:-1] if not SENTENCE_END.search(lines[n]) and not lines[n].endswith("  ")]


def fixed(lines):
    """The lines with those that break within a sentence joined to the next."""
    joined = list(lines)
    for run in paragraphs(lines):
        for number in reversed(breaks(lines, run)):
            joined[number] = f"{joined[number].rstrip()} {joined[number + 1].strip()}"
            joined[number + 1] = None
    return [line for line in joined if line is not None]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("files", nargs="*", type=pathlib.Path)
    parser.add_argument("--fix", action="store_true")
    options = parser.parse_args()
    tracked = ["git", "-C", str(ROOT), "ls-files", "-z", "--cached", "--others", "--exclude-standard", "*.md"]
    files = options.files or [
        ROOT / name for name in sorted(subprocess.run(tracked, check=True, capture_output=True, text=True).stdout.split("\0")) if name
    ]
    broken = 0
    for path in files:
        lines = path.read_text(encoding="utf-8").split("\n")
        if options.fix:
            path.write_text("\n".join(fixed(lines)), encoding="utf-8")
            continue
        for number in (number for run in paragraphs(lines) for number in breaks(lines, run)):
            print(f"{path}:{number + 1}: a sentence goes on in the next line: {lines[number][-40:]}")
            broken += 1
    if broken:
        sys.exit(f"{broken} lines break within a sentence; --fix joins them")


if __name__ == "__main__":
    main()
