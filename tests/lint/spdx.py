# SPDX-License-Identifier: Apache-2.0
"""Every source file names its licence: C on line 1, scripts within three lines."""
from support import lint

TAG = "SPDX-License-Identifier: " "Apache-2.0"
SCRIPTS = (".py", ".sh", ".cmake", ".sql", "CMakeLists.txt", ".clang-format")


def check(root, build, files):
    problems = []
    for path in files:
        head = lint.read(root, path).split("\n", 3)[:3] if path.endswith(
            (".c", ".h") + SCRIPTS) or path in ("dev", ".ci/run") else None
        if head is None:
            continue
        if lint.is_c(path):
            if head[0] != "/* " + TAG + " */":
                problems.append("%s:1: the first line is not /* %s */" % (path, TAG))
        elif not any(TAG in line for line in head):
            problems.append("%s:1: no line with %s" % (path, TAG))
    return problems


lint.main(check, {
    "C": {"a.c": "/* x */\n/* " + TAG + " */\n"},
    "python": {"a.py": "import os\n"},
    "migration": {"m/0001_a.sql": "CREATE TABLE a (b TEXT);\n"},
}, {
    "named": {"a.c": "/* " + TAG + " */\n", "a.py": "#!/usr/bin/python3\n# " + TAG + "\n"},
})
