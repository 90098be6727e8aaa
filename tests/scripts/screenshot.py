#!/usr/bin/env python3
"""Runs a command in a terminal of its own and draws what it shows at the end as SVG, such as docs/tool.svg.

    pip install rich pyte
    python tests/scripts/screenshot.py docs/tool.svg --title optiformer --seconds 60 -- \\
        optiformer minimize --space space.json --trials 60 --jobs 2 -- ./train {rate} {units} {optimizer}

The terminal is emulated by pyte, so that what the command overwrites is gone; rich draws it. With --seconds the picture is taken then,
and the command is interrupted.
"""

import argparse
import fcntl
import os
import pty
import re
import select
import shlex
import signal
import struct
import termios
import time

import pyte
import rich.console
import rich.text


def run(command, columns, lines, seconds):
    """What the terminal shows when the command has ended, or after some seconds."""
    screen = pyte.Screen(columns, lines)
    stream = pyte.ByteStream(screen)
    child, terminal = pty.fork()
    if child == 0:
        os.environ.update(TERM="xterm-256color", COLUMNS=str(columns), LINES=str(lines))
        os.execvp(command[0], command)
    # Rows and columns, and pixels, which nothing reads.
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if not select.select([terminal], [], [], 0.1)[0]:
            continue
        try:
            stream.feed(os.read(terminal, 65536))
        except OSError:  # The other side is closed.
            break
    else:
        os.kill(child, signal.SIGINT)
    os.close(terminal)
    os.waitpid(child, 0)
    return screen


def styled(screen):
    """The screen's lines as rich text, without the empty ones at its end."""
    lines = []
    for number in range(screen.lines):
        line = rich.text.Text()
        for column in range(screen.columns):
            cell = screen.buffer[number][column]
            color = None if cell.fg == "default" else (cell.fg if not re.fullmatch("[0-9a-f]{6}", cell.fg) else f"#{cell.fg}")
            weight = "bold " if cell.bold else ""
            line.append(cell.data, style=weight + (color or "").replace("brown", "yellow").replace("bright", "bright_") or None)
        line.rstrip()
        lines.append(line)
    while lines and not lines[-1].plain:
        lines.pop()
    return rich.text.Text("\n").join(lines)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("output")
    parser.add_argument("--title", default="")
    parser.add_argument("--columns", type=int, default=92)
    parser.add_argument("--lines", type=int, default=48)
    parser.add_argument("--seconds", type=float, default=float("inf"))
    parser.add_argument("command", nargs="+")
    options = parser.parse_args()
    screen = run(options.command, options.columns, options.lines, options.seconds)
    console = rich.console.Console(record=True, width=options.columns, file=open(os.devnull, "w"), force_terminal=True)
    # What the user typed, without the path to the program.
    words = [os.path.basename(options.command[0]), *options.command[1:]]
    # A shell leaves {name} as it is.
    typed = " ".join(word if re.fullmatch(r"\{\w+\}", word) else shlex.quote(word) for word in words)
    console.print(rich.text.Text(f"$ {typed}", style="bold"))
    console.print(styled(screen))
    drawing = console.export_svg(title=options.title)
    # The fonts of a web page that a picture must not load.
    drawing = re.sub(r"@font-face \{.*?\}", "", drawing, flags=re.DOTALL)
    with open(options.output, "w", encoding="utf-8") as file:
        file.write(re.sub(r"[ \t]+\n", "\n", drawing))


if __name__ == "__main__":
    main()
