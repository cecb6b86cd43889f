# SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only
"""Targets: (what, sign, target, measured or None, digits) each, and whether they are met."""
from text import markdown, short


def at_least(what, target, measured, digits=4):
    return what, "≥", target, measured, digits


def at_most(what, target, measured, digits=2):
    return what, "≤", target, measured, digits


def verdict(sign, target, measured, digits):
    missed = (target - measured) if sign == "≥" else (measured - target)
    return "met" if missed <= 0 else f"**missed by {short(missed, digits)}**"


def verdicts(rows, about):
    cells = [[what, f"{sign} {short(target, 0 if digits == 0 else len(f'{target:g}'.partition('.')[2]))}",
              "not measured" if measured is None else short(measured, digits),
              "" if measured is None else verdict(sign, target, measured, digits)]
             for what, sign, target, measured, digits in rows]
    return ["### Targets", "", about, ""] + markdown(["what", "target", "measured", ""], cells)
