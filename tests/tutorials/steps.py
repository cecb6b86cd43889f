# SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only
"""What of a tutorial's Markdown is to be done: its fenced blocks as steps."""
import re
import subprocess

FENCE = re.compile(r"^```(\w*)(?: (\w+))?$")
HEADING = re.compile(r"^(#+) ")
COMMENT = re.compile(r"^<!-- (needs|numbers): (.+) -->$")
FILE_NAME = re.compile(r"^(?:/\*|#|//)\s*([\w.-]+\.[\w]+|Makefile)\b")


class TutorialError(Exception):
    """The tutorial breaks the rules at the top of run.py."""


class Step:
    """Commands that are typed, or a file that is written."""

    def __init__(self, kind, line, text, name=None):
        self.kind = kind  # "host", "guest" or "file"
        self.line = line  # of the tutorial
        self.text = text
        self.name = name
        self.expected = None  # the lines of the block after it
        self.any_numbers = False


class Tutorial:
    """needs: (command, line) of what a part needs, asked by is_had(); left_out: what was not had."""

    def __init__(self, text, is_had):
        self.steps = []
        self.left_out = []
        self._is_had = is_had
        self._level = 0
        self._without = None  # the level of the heading whose part is left out
        self._any_numbers = False
        self._read(text.split("\n"))

    def _read(self, lines):
        at = 0
        while at < len(lines):
            fence = FENCE.match(lines[at])
            if not fence:
                self._read_line(lines[at], at + 1)
                at += 1
                continue
            end = next((i for i in range(at + 1, len(lines)) if lines[i] == "```"), None)
            if end is None:
                raise TutorialError(f"line {at + 1}: the block has no end")
            if self._without is None:
                self._read_block(fence[1], fence[2], at + 1, lines[at + 1:end])
            at = end + 1

    def _read_line(self, line, number):
        heading, comment = HEADING.match(line), COMMENT.match(line)
        if heading:
            self._level = len(heading[1])
            if self._without is not None and self._level <= self._without:
                self._without = None
        elif comment and comment[1] == "numbers":
            if comment[2] != "any":
                raise TutorialError(f"line {number}: numbers are any, or compared")
            self._any_numbers = True
        elif comment and self._without is None and not self._is_had(comment[2]):
            self._without = self._level
            self.left_out.append((self._level, f"line {number}: not so here: {comment[2]}"))

    def _read_block(self, language, word, line, lines):
        if language == "sh":
            if word not in (None, "guest"):
                raise TutorialError(f"line {line}: commands are for this machine or for the guest, not for {word}")
            self.steps.append(Step(word or "host", line, "\n".join(lines)))
        elif language == "text":
            self._expect(line, lines)
        elif language != "console":
            self._add_file(line, lines)

    def _expect(self, line, lines):
        if not self.steps or self.steps[-1].kind == "file" or self.steps[-1].expected is not None:
            raise TutorialError(f"line {line}: output without commands before it")
        self.steps[-1].expected = lines
        self.steps[-1].any_numbers = self._any_numbers
        self._any_numbers = False

    def _add_file(self, line, lines):
        name = FILE_NAME.match(lines[0]) if lines else None
        if not name:
            raise TutorialError(f"line {line}: neither commands nor output, nor does its first line name a file")
        self.steps.append(Step("file", line, "\n".join(lines), name[1]))


def is_had(command, env, folder):
    return subprocess.run(["bash", "-c", command], cwd=folder, env=env, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                          stderr=subprocess.DEVNULL, check=False).returncode == 0
