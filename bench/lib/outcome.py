# SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only
"""What a run says while it goes on, makes of several rounds, and leaves."""
import json
import os
import statistics
import sys


def tell(text):
    print(f"bench: {text}", file=sys.stderr, flush=True)


def middle(runs):
    """One for all runs of a program: the medians of its numbers; of the largest the largest; yes if each says yes."""
    first = runs[0]
    if isinstance(first, dict):
        return {key: max(run[key] for run in runs) if key == "max" else middle([run[key] for run in runs]) for key in first}
    return all(runs) if isinstance(first, bool) else statistics.median(runs)


def keep(results, text, out):
    """Leaves results.json and table.md in a folder."""
    with open(os.path.join(out, "results.json"), "w") as file:
        json.dump(results, file, indent=1)
    with open(os.path.join(out, "table.md"), "w") as file:
        file.write(text)
