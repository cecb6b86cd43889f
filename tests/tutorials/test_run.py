#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only
"""Whether run.py finds what is wrong with a tutorial, and leaves nothing behind then. Usage: test_run.py"""
import os
import subprocess
import sys
import tempfile
import time

from compare import is_line, is_output

RUN = os.path.join(os.path.dirname(os.path.abspath(__file__)), "run.py")
failed = []


def expect(what, true):
    if not true:
        failed.append(what)
        print(f"FAILED: {what}")


def block(language, *lines):
    return "\n".join([f"```{language}", *lines, "```", ""])


def run(text, *options):
    """The status of run.py on such a tutorial, and what it says."""
    with tempfile.NamedTemporaryFile("w", dir="/tmp", suffix=".md", encoding="utf-8") as file:
        file.write("# A tutorial\n\n" + text)
        file.flush()
        done = subprocess.run([RUN, file.name, *options], stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout + done.stderr


def expect_run(what, status, words, *blocks, options=()):
    got, said = run("".join(blocks), *options)
    expect(f"{what}: status {got}, not {status}: {said}", got == status)
    expect(f"{what}: it does not say '{words}': {said}", words in said)


def is_running(word):
    return subprocess.run(["pgrep", "-f", word], stdout=subprocess.DEVNULL, check=False).returncode == 0


def check_lines():
    expect("the same", is_line("in 1 page", "in 1 page"))
    expect("a small number that differs", not is_line("in 1 page", "in 2 page"))
    expect("a large one, near", is_line("12,345 bytes", "11000 bytes"))
    expect("a large one, far", not is_line("12,345 bytes", "1,234 bytes"))
    expect("a fraction, near and far", is_line("ratio .98", "ratio 0.9") and not is_line("ratio .98", "ratio .5"))
    expect("0 for 10", not is_line("10 objects", "0 objects"))
    expect("a small number before a comma", not is_line("3, 100", "4, 100") and is_line("0, 100", "0, 101"))
    expect("a time", is_line("it took 12 ms", "it took 9,999 ms"))
    expect("a speed", is_line("12.5 MB/s", "9999 MB/s"))
    expect("white space", is_line("a  12 b", "  a\t13   b "))
    expect("any text", is_line("pid … ended", "pid 4711 ended") and not is_line("pid … ended", "pid 4711 began"))
    expect("a number in a word", not is_line("lz4", "lz5"))
    expect("a word where there was a number", not is_line("12 pages", "no pages"))
    expect("any numbers", is_line("1 and 1000", "5 and 2", any_numbers=True))
    expect("any lines", is_output(["a", "…", "z"], ["a", "b", "c", "z"]) and is_output(["a", "…"], ["a"]))
    expect("a line too many", not is_output(["a"], ["a", "b"]) and not is_output(["a", "b"], ["a"]))


def check_tutorials():
    expect_run("a good one", 0, "as it says", block("c", "/* a.c: a file */", "int a;"),
               block("sh", "cd .", "x=5", "grep -c int a.c"), block("text", "1"), block("sh", "echo $x"), block("text", "5"))
    expect_run("other output", 1, "line 3: it shows", block("sh", "echo 100 pages"), block("text", "200 pages"))
    expect_run("a command that fails", 1, "line 6: it ended with status 3", block("sh", "true"), block("sh", "(exit 3)", "true"))
    expect_run("in a pipe", 1, "ended with status 1", block("sh", "false | cat"))
    expect_run("a message", 1, "nothing-of-this-name", block("sh", "nothing-of-this-name"))
    expect_run("too long", 1, "took too long", block("sh", "sleep 60"), options=("--seconds", ".5"))
    expect_run("output of nothing", 1, "output without commands", block("text", "5"))
    expect_run("a block without a name", 1, "nor does its first line name a file", block("c", "int a;"))
    expect_run("a block without an end", 1, "the block has no end", "```sh\ntrue\n")
    expect_run("for the reader alone", 0, "1 steps", block("console", "# rm -rf /"), block("sh", "true"))
    expect_run("all left out", 77, "left out", "<!-- needs: false -->\n", block("sh", "false"))
    expect_run("a part left out", 0, "left out: line 4", "## A part\n<!-- needs: false -->\n", block("sh", "false"),
               "## Another\n", block("sh", "true"))
    expect_run("nothing but what is left out", 1, "no commands", "## A part\n<!-- needs: false -->\n", block("sh", "false"))
    expect_run("guest", 0, "as it says", block("sh", "x=2", "sed 's/^echo //; s/host/guest/'"), block("text", "…"),
               block("sh guest", "a host"), block("text", "a guest"), block("sh", "echo $x"), block("text", "2"))


def check_leaving():
    """What is started and not ended is told of, and ended: also what went into the background, and after a failure."""
    word = f"31{os.getpid()}.25"
    background = f"(setsid sleep {word} >/dev/null 2>&1 &)"
    expect_run("something that runs on", 1, f"leaves something behind: runs: sleep {word}", block("sh", background))
    expect("it runs", not is_running(word))
    expect_run("something that runs on after a failure", 1, "ended with status 1", block("sh", background, "false"))
    expect("it runs after a failure", not is_running(word))
    expect_run("a socket", 1, "is a socket: zram.x.sock", block("sh", "mkdir $XDG_RUNTIME_DIR/zsmalloc",
                                                                "touch $XDG_RUNTIME_DIR/zsmalloc/zram.x.sock"))
    with tempfile.TemporaryDirectory() as folder:
        os.environ["TMPDIR"] = folder
        run(block("sh", "touch file", "false"))
        del os.environ["TMPDIR"]
        expect(f"folders are left: {os.listdir(folder)}", not os.listdir(folder))


def check_signal():
    """Who is told to end in the middle ends what was begun, and leaves no folder."""
    word = f"32{os.getpid()}.25"
    with tempfile.TemporaryDirectory() as folder:
        path, ready = os.path.join(folder, "tutorial.md"), os.path.join(folder, "ready")
        with open(path, "w", encoding="utf-8") as file:
            file.write("# A tutorial\n\n" + block("sh", f"(setsid sleep {word} &)", f"touch {ready}", "sleep 60"))
        runner = subprocess.Popen([RUN, path], env=dict(os.environ, TMPDIR=folder), stdout=subprocess.DEVNULL)
        for _ in range(200):
            if os.path.exists(ready):
                break
            time.sleep(.05)
        runner.terminate()
        expect(f"a signal: status {runner.wait()}", runner.returncode == 128 + 15)
        expect("it runs after a signal", not is_running(word))
        expect(f"a signal leaves {os.listdir(folder)}", sorted(os.listdir(folder)) == ["ready", "tutorial.md"])


check_lines()
check_tutorials()
check_leaving()
check_signal()
sys.exit(1 if failed else 0)
