#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only
"""Does what a tutorial says, and looks whether what comes is what it shows.

  run.py TUTORIAL.md [--build FOLDER] [--sources FOLDER] [--seconds NUMBER] [--verbose]

--build has the product installed from that folder into a place of its own, as `make install` would, with the paths set
as they are for who has it in /usr/local. --sources has a copy of the sources beside it, in the folder zsmalloc. --verbose
prints what came, for who writes a tutorial.

The rules of a tutorial:

* A block of language sh is commands. All of them run in one bash, in order, in a folder that is new; what fails ends it.
* A block of another language whose first line is a comment that begins with a file's name is that file.
* A block of language text is what the commands before it print, on both standard output and standard error; commands
  without one may print what they like. Lines are compared without empty ones, and white space as one blank.
  … is any text in a line, and any lines if it is alone in one. A whole number below 10 is to be the same; any other to be
  within a third (two thirds of it to one and a half times); before a unit of time or speed (ns, µs, ms, s, MB/s, /s) it may be
  any. <!-- numbers: any --> before the block: all may be any.
* A block of language console is for the reader alone: it does not run here.
* "sh guest" is typed in the machine that the commands before it have begun, until its shell ends: they get it as their
  standard input.
* <!-- needs: COMMAND --> leaves out the part below that heading if the command fails here; below the first heading, all.

In the end nothing may run, be mounted or be left in the folder of sockets. However it ends, what the tutorial began is ended.
Exit status: 0, 1 if something was not as it should be, 77 if all was left out.
"""
import argparse
import contextlib
import fcntl
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time

from compare import is_output, without_empty
from steps import Tutorial, TutorialError, is_had

MARK = "ZSMALLOC_TUTORIAL"
LEFT_OUT = 77


# ---- what the tutorial began ----

def processes_with(mark):
    """Numbers of processes whose environment had the mark when they began."""
    for name in os.listdir("/proc"):
        try:
            if name.isdigit() and int(name) != os.getpid():
                with open(f"/proc/{name}/environ", "rb") as file:
                    if f"{MARK}={mark}".encode() in file.read().split(b"\0"):
                        yield int(name)
        except OSError:
            pass  # it has ended, or is another user's


def mounts_below(folder):
    with open("/proc/self/mountinfo", encoding="utf-8") as file:
        places = [line.split()[4] for line in file]
    return [place for place in reversed(places) if place.startswith(folder + "/")]


def left_over(mark, folder):
    """What is still there, in words."""
    found = []
    for pid in processes_with(mark):
        try:
            with open(f"/proc/{pid}/cmdline", "rb") as file:
                found.append("runs: " + file.read().replace(b"\0", b" ").decode(errors="replace").strip())
        except OSError:
            pass
    found += ["is mounted: " + place for place in mounts_below(folder)]
    sockets = os.path.join(folder, "runtime", "zsmalloc")
    if os.path.isdir(sockets):
        found += ["is a socket: " + name for name in os.listdir(sockets)]
    return found


def are_gone(mark):
    """Who executes another program just now has no environment for a moment: it is looked a few times."""
    for _ in range(4):
        if list(processes_with(mark)):
            return False
        time.sleep(.05)
    return True


def settled_left_over(mark, folder):
    """What is told to end needs a moment."""
    for _ in range(50):
        found = left_over(mark, folder)
        if not found and are_gone(mark):
            break
        time.sleep(.1)
    return found


def quietly(*command):
    return subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False).returncode == 0


def end_all(mark, folder):
    for place in mounts_below(folder):
        quietly("umount", place) or quietly("fusermount3", "-u", place) or quietly("umount", "-l", place)
    for number in (signal.SIGTERM, signal.SIGTERM, signal.SIGKILL):
        for pid in processes_with(mark):
            try:
                os.kill(pid, number)
            except OSError:
                pass
        for _ in range(10):
            if are_gone(mark):
                break
            time.sleep(.1)
    for place in mounts_below(folder):
        quietly("umount", "-l", place)


# ---- the product ----

@contextlib.contextmanager
def kept(path):
    """A file is what it was in the end, and one process at a time sees to that."""
    with open(f"{path}.lock", "w", encoding="utf-8") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        had = os.path.exists(path)
        if had:
            shutil.copy2(path, f"{path}.kept")
        try:
            yield
        finally:
            if had:
                os.replace(f"{path}.kept", path)
            elif os.path.exists(path):
                os.remove(path)


def install(build, root):
    """As make install does, but below root; pkg-config's files say so. What make uninstall would remove stays as it was."""
    with kept(os.path.join(build, "meson-logs", "install-log.txt")):
        subprocess.run(["meson", "install", "-C", build, "--no-rebuild", "--quiet", "--destdir", root], check=True,
                       stdout=subprocess.DEVNULL)
    for folder, _, names in os.walk(root):
        for name in names:
            if name.endswith(".pc"):
                move_prefix(os.path.join(folder, name), root)


def move_prefix(path, root):
    with open(path, encoding="utf-8") as file:
        text = file.read()
    with open(path, "w", encoding="utf-8") as file:
        file.write(re.sub(r"^prefix=", f"prefix={root}", text, flags=re.MULTILINE))


def find_folder(root, name):
    return next((folder for folder, _, names in os.walk(root) if name in names), None)


def copy_sources(sources, folder):
    def skipped(where, names):
        return [name for name in names if where == sources and (name == ".git" or name.startswith("build"))]
    shutil.copytree(sources, os.path.join(folder, "zsmalloc"), symlinks=True, ignore=skipped)


def environment(folder, mark):
    """For the reader: the product where it was put, a home, sockets and temporary files of their own, words in English."""
    env = dict(os.environ)
    env.setdefault("XDG_CACHE_HOME", os.path.join(env.get("HOME", "/root"), ".cache"))
    env |= {MARK: mark, "LC_ALL": "C.UTF-8", "HOME": os.path.join(folder, "home"),
            "XDG_RUNTIME_DIR": os.path.join(folder, "runtime"), "TMPDIR": os.path.join(folder, "tmp")}
    for name in ("MAKEFLAGS", "MAKELEVEL", "MFLAGS"):  # of a make that runs the tests
        env.pop(name, None)
    root = os.path.join(folder, "installed")
    programs, library = find_folder(root, "zs"), find_folder(root, "zsmalloc.pc")
    if programs:
        env["PATH"] = programs + ":" + env["PATH"]
    if library:
        env["PKG_CONFIG_PATH"] = library
        env["LD_LIBRARY_PATH"] = os.path.dirname(library)
    return env


# ---- the steps ----

def written(step):
    end = "END_OF_FILE"
    while end in step.text.split("\n"):
        end += "_"
    return f"cat >{step.name} <<'{end}'\n{step.text}\n{end}"


def in_guest(steps, mark):
    """The commands before it with the guest's as their input, each told of where the output is to be cut."""
    end = f"END_OF_GUEST_{mark}"
    guest = "\n".join(f"echo {mark} {number}\n{step.text}" for number, step in steps[1:])
    return f"{{\n{steps[0][1].text}\n}} <<'{end}'\n{guest}\n{end}"


def script_of(steps, mark):
    """One script of all; the mark with a step's number comes before what the step prints."""
    lines, numbered = [], list(enumerate(steps))
    while numbered:
        together = [numbered.pop(0)]
        while numbered and numbered[0][1].kind == "guest":
            together.append(numbered.pop(0))
        number, step = together[0]
        if step.kind == "guest":
            raise TutorialError(f"line {step.line}: there is no guest")
        lines.append(f"echo {mark} {number}")
        if len(together) > 1:
            lines.append(in_guest(together, mark))
        else:
            lines.append(written(step) if step.kind == "file" else step.text)
    return "\n".join(lines) + "\n"


def cut(output, mark):
    """What each step printed that began, by its number."""
    printed, number = {}, None
    for line in output.split("\n"):
        begins = re.fullmatch(rf"{mark} (\d+)\r?", line)
        if begins:
            number = int(begins[1])
            printed[number] = []
        elif number is not None:
            printed[number].append(line.rstrip("\r"))
    return printed


def run_script(script, folder, env, seconds):
    """The exit status, None if it took too long; and what was printed."""
    path, output = os.path.join(folder, "script"), os.path.join(folder, "output")
    with open(path, "w", encoding="utf-8") as file:
        file.write(script)
    with open(output, "wb") as file:
        shell = subprocess.Popen(["bash", "-e", "-o", "pipefail", path], cwd=os.path.join(folder, "work"), env=env,
                                 stdin=subprocess.DEVNULL, stdout=file, stderr=subprocess.STDOUT)
        try:
            status = shell.wait(timeout=seconds)
        except subprocess.TimeoutExpired:
            status = None
            shell.kill()
            shell.wait()
    with open(output, encoding="utf-8", errors="replace") as file:
        return status, file.read()


def shown(lines):
    return "\n".join("    " + line for line in lines)


def judge(tutorial, status, printed):
    """What was not as it should be, in words."""
    wrong = []
    if status != 0:
        last = max(printed, default=0)
        how = "took too long" if status is None else f"ended with status {status}"
        wrong.append(f"line {tutorial.steps[last].line}: it {how}:\n{shown(printed.get(last, []))}")
    for number, lines in printed.items():
        step = tutorial.steps[number]
        if step.expected is None or (status != 0 and number == max(printed)):
            continue
        if not is_output(without_empty(step.expected), without_empty(lines), step.any_numbers):
            wrong.append(f"line {step.line}: it shows\n{shown(step.expected)}\nand there came\n{shown(lines)}")
    return wrong


# ---- all ----

def read_tutorial(path, env, folder):
    with open(path, encoding="utf-8") as file:
        tutorial = Tutorial(file.read(), lambda command: is_had(command, env, folder))
    for _, why in tutorial.left_out:
        print(f"{path}: left out: {why}")
    if any(level <= 1 for level, _ in tutorial.left_out):
        sys.exit(LEFT_OUT)
    if not any(step.kind == "host" for step in tutorial.steps):
        raise TutorialError("there are no commands")
    return tutorial


def follow(options, folder, mark):
    for name in ("work", "home", "runtime", "installed", "tmp"):
        os.mkdir(os.path.join(folder, name), mode=0o700)
    if options.build:
        install(options.build, os.path.join(folder, "installed"))
    if options.sources:
        copy_sources(os.path.abspath(options.sources), os.path.join(folder, "work"))
    env = environment(folder, mark)
    tutorial = read_tutorial(options.tutorial, env, os.path.join(folder, "work"))
    begun = time.monotonic()
    status, output = run_script(script_of(tutorial.steps, mark), folder, env, options.seconds)
    printed = cut(output, mark)
    if options.verbose:
        for number, lines in printed.items():
            print(f"line {tutorial.steps[number].line}:\n{shown(lines)}")
    wrong = judge(tutorial, status, printed)
    if not wrong:
        wrong = ["it leaves something behind: " + what for what in settled_left_over(mark, folder)]
    for what in wrong:
        print(f"{options.tutorial}: {what}")
    print(f"{options.tutorial}: {len(tutorial.steps)} steps, {time.monotonic() - begun:.1f} s,"
          f" {'as it says' if not wrong else 'not as it says'}")
    return 1 if wrong else 0


def stop(number, _frame):
    sys.exit(128 + number)


def main():
    parser = argparse.ArgumentParser(usage="run.py TUTORIAL.md [--build FOLDER] [--sources FOLDER] [--seconds NUMBER] [--verbose]")
    parser.add_argument("tutorial")
    parser.add_argument("--build")
    parser.add_argument("--sources")
    parser.add_argument("--seconds", type=float, default=240)
    parser.add_argument("--verbose", action="store_true")
    options = parser.parse_args()
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, stop)
    folder = tempfile.mkdtemp(prefix="zsmalloc-tutorial-")
    mark = os.path.basename(folder)
    try:
        return follow(options, folder, mark)
    except TutorialError as error:
        print(f"{options.tutorial}: {error}")
        return 1
    finally:
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)
        end_all(mark, folder)
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main())
