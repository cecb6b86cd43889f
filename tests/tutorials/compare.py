# SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only
"""Whether output is what a tutorial shows. The rules are at the top of run.py."""
import re

NUMBER = r"(?:\d+(?:,\d{3})*(?:\.\d+)?|\.\d+)"
# A number is not a part of a word, as in lz4; a time or a speed may be anything.
TOKEN = re.compile(rf"(?P<any>…)|(?P<time>(?<![\w.]){NUMBER}(?=\s*(?:ns|µs|ms|s|MB/s|/s)\b))"
                   rf"|(?P<number>(?<![\w.]){NUMBER})|(?P<space>\s+)")
NEAR = 1.5


def value_of(number):
    return float(number.replace(",", ""))


def is_near(number, shown):
    """A whole number below 10 is the same, or it is another; of others a part of it may be more or less."""
    if shown.isdigit() and int(shown) < 10:
        return number == shown
    number, shown = value_of(number), value_of(shown)
    return shown / NEAR <= number <= shown * NEAR


def pattern_of(shown):
    """A pattern for a line as it is shown, and the numbers whose values are compared."""
    pattern, numbers, at = "", [], 0
    for token in TOKEN.finditer(shown):
        pattern += re.escape(shown[at:token.start()])
        at = token.end()
        if token["any"]:
            pattern += ".*?"
        elif token["space"]:
            pattern += r"\s+"
        else:
            pattern += f"({NUMBER})"
            numbers.append(None if token["time"] else token["number"])
    return pattern + re.escape(shown[at:]), numbers


def is_line(shown, line, any_numbers=False):
    pattern, numbers = pattern_of(shown.strip())
    found = re.fullmatch(pattern, line.strip())
    if not found:
        return False
    return any_numbers or all(number is None or is_near(got, number) for number, got in zip(numbers, found.groups()))


def is_output(shown, lines, any_numbers=False):
    """Both are lists of lines; a line that is only … stands for any lines."""
    if not shown:
        return not lines
    if shown[0].strip() == "…":
        return any(is_output(shown[1:], lines[at:], any_numbers) for at in range(len(lines) + 1))
    return bool(lines) and is_line(shown[0], lines[0], any_numbers) and is_output(shown[1:], lines[1:], any_numbers)


def without_empty(lines):
    return [line for line in lines if line.strip()]
