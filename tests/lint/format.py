# SPDX-License-Identifier: Apache-2.0
"""Every C file is as clang-format would write it."""
import os
import re
import subprocess

from support import lint

STYLE = os.path.normpath(os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../.clang-format"))


def check(root, build, files):
    names = [f for f in files if lint.is_c(f)]
    problems = []
    for i in range(0, len(names), 40):
        run = subprocess.run(["clang-format", "--style=file:" + STYLE, "--dry-run", "-Werror"]
                             + names[i:i + 40], cwd=root, capture_output=True, text=True)
        first = {}
        for path, line in re.findall(r"^(\S+?):(\d+):\d+: error:", run.stderr, re.M):
            first.setdefault(path, line)
        problems += ["%s:%s: clang-format -i would change it" % item for item in first.items()]
        if run.returncode != 0 and not first:
            problems.append("clang-format failed: " + run.stderr.strip())
    return problems


lint.main(check, {
    "brace": {"a.c": "int f(void) {\n    return 0;\n}\n"},
    "tab": {"a.h": "struct a {\n\tint x;\n};\n"},
}, {
    "house style": {"a.c": "int f(char *s)\n{\n    return s[0];\n}\n"},
})
