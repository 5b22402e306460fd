# SPDX-License-Identifier: Apache-2.0
"""Each header compiles alone, without what base/banned.h happens to include, and may come twice."""
import concurrent.futures
import os
import subprocess

from support import lint

FLAGS = ("-std=gnu17 -fsyntax-only -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wvla"
         " -Wformat=2 -Wundef -Werror -D_GNU_SOURCE -D_FILE_OFFSET_BITS=64 -DSLIPWAY_TEST_BUILD=1"
         " -DSLIPWAY_VERSION=\"0\" -x c -").split()


def compile_header(root, path):
    if "#pragma once" not in lint.read(root, path):
        return ["%s:1: no #pragma once" % path]
    source = '#include "%s"\n#include "%s"\n' % (path, path)
    run = subprocess.run(["gcc", "-I", root] + FLAGS, input=source, cwd=root, capture_output=True, text=True)
    if run.returncode == 0:
        return []
    first = next((s for s in run.stderr.splitlines() if "error" in s), run.stderr)
    return ["%s:1: does not compile alone: %s" % (path, first)]


def check(root, build, files):
    headers = [f for f in files if f.endswith(".h")]
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count() or 2) as pool:
        found = pool.map(lambda p: compile_header(root, p), headers)
    return [problem for problems in found for problem in problems]


lint.main(check, {
    "needs stddef.h": {"a.h": "#pragma once\nsize_t f(void);\n"},
    "twice": {"a.h": "struct a {\n    int x;\n};\n"},
}, {
    "complete": {"a.h": "#pragma once\n#include <stddef.h>\nsize_t f(void);\n"},
})
