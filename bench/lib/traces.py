# SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only
"""The traces that the benchmarks run on: sizes of this machine's pages, compressed with LZ4 (see zs-trace(1)).

bin: programs and libraries; text: sources and documents, one after the other as in an archive, for most of them are
smaller than a page or end in one that is nearly empty; proc: the anonymous memory of a few programs that are started
for it. A trace is made once and kept.
"""
import os
import shutil
import subprocess
import sys
import tempfile

TEXT_SUFFIXES = (".h", ".c", ".py", ".pl", ".pm", ".txt", ".md", ".html", ".xml", ".sh", ".awk", ".css", ".js", ".conf")
TEXT_FOLDERS = ["/usr/include", "/usr/lib/python3", "/usr/lib/python3.11", "/usr/share", "/usr/lib/gcc", "/usr/src", "/etc"]
BIN_FOLDERS = ["/usr/bin", "/usr/lib"]
MOST_UNITS = 200000
PROGRAMS_SECONDS = 120

# Each holds what such programs hold, says so, and waits to be looked at.
PYTHON_TREES = """
import ast, glob, sys
kept = []
for path in sorted(glob.glob('/usr/lib/python3*/**/*.py', recursive=True))[:450]:
    try:
        source = open(path, errors='replace').read()
        kept.append((path, ast.parse(source)))
    except (SyntaxError, OSError, ValueError):
        pass
print('ready', flush=True); sys.stdin.read()
"""
PYTHON_TABLES = """
import json, random, sys
random.seed(1)
rows = [{'id': i, 'name': 'customer %d' % i, 'balance': random.random() * 1e4, 'tags': [random.choice('abcdef') * 3] * 3,
         'key': '%032x' % random.getrandbits(128)} for i in range(150000)]
texts = [json.dumps(row) for row in rows]
print('ready', flush=True); sys.stdin.read()
"""
PERL_WORDS = """
my (%count, @lines);
for my $path (sort glob("/usr/include/*.h /usr/include/*/*.h /usr/share/perl/*/*.pm /usr/share/perl/*/*/*.pm")) {
    open(my $file, '<', $path) or next;
    while (<$file>) { push @lines, $_ if @lines < 400000; $count{$_}++ for split ' '; }
}
$| = 1; print "ready\\n"; <STDIN>;
"""
PROGRAMS = [["python3", "-c", PYTHON_TREES], ["python3", "-c", PYTHON_TABLES], ["perl", "-e", PERL_WORDS]]


def run_trace(zs, out, arguments):
    with open(out, "ab") as file:
        subprocess.run([zs, "trace", "-o", "-", *arguments], stdout=file, stderr=subprocess.DEVNULL, check=False)


def text_files():
    for folder in TEXT_FOLDERS:
        for parent, folders, names in os.walk(folder):
            folders.sort()
            for name in sorted(names):
                path = os.path.join(parent, name)
                if name.endswith(TEXT_SUFFIXES) and os.path.isfile(path) and not os.path.islink(path):
                    yield path


def join(paths, most_bytes, out):
    for path in paths:
        with open(path, "rb") as file:
            shutil.copyfileobj(file, out)
        if out.tell() >= most_bytes:
            break
    out.flush()


def make_text(zs, out):
    with tempfile.NamedTemporaryFile(dir=os.path.dirname(out), prefix="text-") as archive:
        join(text_files(), MOST_UNITS * 4096, archive)
        run_trace(zs, out, ["-n", str(MOST_UNITS), archive.name])


def make_proc(zs, out):
    running = [subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
               for command in PROGRAMS]
    try:
        for program in running:
            program.stdout.readline()
        for program in running:
            if program.poll() is None:
                run_trace(zs, out, ["-p", str(program.pid)])
    finally:
        for program in running:
            program.stdin.close()
            try:
                program.wait(PROGRAMS_SECONDS)
            except subprocess.TimeoutExpired:
                program.kill()
                program.wait()


def make(zs, folder):
    """Returns the path of each trace that could be made, by its name."""
    traces = {}
    for name, maker in (("bin", lambda out: run_trace(zs, out, ["-n", str(MOST_UNITS), *BIN_FOLDERS])),
                        ("text", lambda out: make_text(zs, out)), ("proc", lambda out: make_proc(zs, out))):
        path = os.path.join(folder, name + ".trace")
        if not os.path.exists(path):
            print(f"bench: tracing {name}", file=sys.stderr)
            maker(path + ".new")
            os.rename(path + ".new", path)
        if os.path.getsize(path) > 2:
            traces[name] = path
    return traces


def describe(path):
    """How many sizes a trace has, and their mean."""
    data = open(path, "rb").read()
    sizes = [int.from_bytes(data[i:i + 2], "little") or 65536 for i in range(0, len(data), 2)]
    return {"sizes": len(sizes), "mean": sum(sizes) / len(sizes)}
