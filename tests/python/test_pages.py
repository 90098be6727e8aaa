"""The examples of the pages for Python."""

from __future__ import annotations

import pathlib
import re
import subprocess
import sys

PAGES = pathlib.Path(__file__).parents[2] / "docs"


def test_examples_of_the_page_run(tmp_path):
    page = (PAGES / "python.md").read_text(encoding="utf-8")
    blocks = re.findall(r"^```python\n(.*?)^```$", page, re.DOTALL | re.MULTILINE)
    assert len(blocks) == 2
    program = tmp_path / "example.py"
    program.write_text("\n".join(blocks), encoding="utf-8")
    made = subprocess.run([sys.executable, program], capture_output=True, text=True, timeout=300, check=False)
    assert made.returncode == 0, made.stderr
    best = [float(line.split()[0]) for line in made.stdout.splitlines()]
    # The second half of the first line is a dictionary; both functions have their minimum at 0.
    assert len(best) == 2 and all(0 <= value < 0.5 for value in best), made.stdout
