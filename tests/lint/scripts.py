# SPDX-License-Identifier: Apache-2.0
"""Shell scripts parse, say which shell they want, and may be executed."""
import os
import subprocess

from support import lint

NAMES = ("dev", ".ci/run", "cmake/with-analyzer")


def check(root, build, files):
    problems = []
    for path in files:
        if path not in NAMES and not path.endswith(".sh"):
            continue
        first = lint.read(root, path).split("\n", 1)[0]
        shell = "bash" if "bash" in first else "sh"
        if not first.startswith("#!"):
            problems.append("%s:1: no #! line" % path)
        elif not os.access(os.path.join(root, path), os.X_OK):
            problems.append("%s:1: not executable" % path)
        run = subprocess.run([shell, "-n", path], cwd=root, capture_output=True, text=True)
        if run.returncode != 0:
            problems.append("%s:1: %s" % (path, run.stderr.strip()))
    return problems


lint.main(check, {
    "unfinished": {"a.sh": "#!/bin/sh\nif true; then\n"},
    "no shell named": {"bench/a.sh": "echo\n"},
    "not executable": {"dev": "#!/usr/bin/env bash\necho\n"},
}, {"no scripts": {"a.txt": ""}})
