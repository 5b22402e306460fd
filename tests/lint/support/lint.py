# SPDX-License-Identifier: Apache-2.0
"""What every lint script shares: the walk over the tree, C text without comments, and main().

A script defines check(root, build, files) -> ["path:line: message", ...] and a self-test: trees
(path -> text) that must be refused and trees that must pass. main() runs the self-test first, so
that a check which can no longer fail fails itself.
"""
import argparse
import os
import re
import sys
import tempfile

SKIP = {".git", "build", "__pycache__", ".cache", "corpus"}
TOKEN = re.compile(r'//[^\n]*|/\*.*?\*/|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'', re.S)


def walk(root):
    """Paths of all files below root, relative to it, sorted."""
    found = []
    for folder, names, files in os.walk(root):
        names[:] = sorted(n for n in names if n not in SKIP)
        found += [os.path.relpath(os.path.join(folder, f), root) for f in files]
    return sorted(found)


def read(root, path):
    with open(os.path.join(root, path), encoding="utf-8", errors="replace") as f:
        return f.read()


def c_code(text, keep_strings=False):
    """C text with comments blanked, and strings too unless told; line numbers stay."""
    def blank(match):
        s = match.group(0)
        if s[0] in "\"'":
            return s if keep_strings else s[0] + " " * (len(s) - 2) + s[-1]
        return re.sub(r"[^\n]", " ", s)
    return TOKEN.sub(blank, text)


def line_of(text, offset):
    return text.count("\n", 0, offset) + 1


def is_c(path):
    return path.endswith((".c", ".h"))


def make_tree(folder, files):
    for path, text in files.items():
        full = os.path.join(folder, path)
        os.makedirs(os.path.dirname(full), exist_ok=True)
        with open(full, "w", encoding="utf-8") as f:
            f.write(text)


def selftest(check, refused, accepted):
    problems = []
    for wanted, trees in ((True, refused), (False, accepted)):
        for name, files in trees.items():
            with tempfile.TemporaryDirectory(prefix="slipway-lint-") as folder:
                make_tree(folder, files)
                found = check(folder, os.path.join(folder, "build"), walk(folder))
            if bool(found) != wanted:
                problems.append("self-test: %s was %s: %s" % (
                    name, "accepted" if wanted else "refused", "; ".join(found)))
    return problems


def main(check, refused, accepted):
    parser = argparse.ArgumentParser()
    here = os.path.dirname(os.path.abspath(__file__))
    parser.add_argument("--source", default=os.path.normpath(os.path.join(here, "../../..")))
    parser.add_argument("--build", default=None, help="a build folder (purity.py reads its libraries)")
    parser.add_argument("--selftest", action="store_true", help="only show that the check can fail")
    args = parser.parse_args()
    problems = selftest(check, refused, accepted)
    files = walk(args.source)
    if not args.selftest and not problems:
        problems = check(args.source, args.build or os.path.join(args.source, "build/dev"), files)
    for p in problems:
        print(p)
    print("%s: %s" % (os.path.basename(sys.argv[0]),
                      "%d problems" % len(problems) if problems else "ok"))
    sys.exit(1 if problems else 0)
