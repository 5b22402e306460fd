# SPDX-License-Identifier: Apache-2.0
"""tests/lib does what test.h says: each kind of CHECK can fail, and a failed case does not stop the rest."""
import os
import re
import subprocess
import tempfile

from support import lint

HEAD = '#include "tests/lib/test.h"\n#include <sys/stat.h>\n#include <unistd.h>\n'
FAIL = {
    "check": "CHECK(1 == 2);",
    "int": "CHECK_EQ_INT(-1, 1);",
    "uint": "CHECK_EQ_UINT(1, 18446744073709551615ull);",
    "str": 'CHECK_EQ_STR("a", "b");',
    "null": 'CHECK_EQ_STR(NULL, "");',
    "mem": 'CHECK_EQ_MEM("ab", 2, "ac", 2);',
    "mem_size": 'CHECK_EQ_MEM("ab", 1, "ab", 2);',
    "contains": 'CHECK_CONTAINS("abc", "d");',
    "ok": "struct sw_err err = {.code = -2}; CHECK_OK(err.code);",
    "ok_but_set": "struct sw_err err = {.code = -2}; CHECK_OK(0);",
    "err": "struct sw_err err = SW_ERR_INIT; CHECK_ERR(0, SW_EINVALID, NULL);",
    "err_code": "struct sw_err err = {.code = -2}; CHECK_ERR(-3, SW_EINVALID, NULL);",
    "err_reason": 'struct sw_err err = {.code = -3, .reason = "A"}; CHECK_ERR(-3, SW_EINVALID, "B");',
    "no_file": 'test_read_file(test_path("none"), NULL);',
}
PASS = {
    "values": 'CHECK(1); CHECK_EQ_INT(-1, -1); CHECK_EQ_STR(NULL, NULL); CHECK_EQ_MEM("ab", 2, "ab", 2);'
              ' CHECK_CONTAINS("abc", "bc");',
    "errors": 'struct sw_err err = {.code = -3, .reason = "A"}; CHECK_ERR(-3, SW_EINVALID, "A"); CHECK_OK(0);',
    "files": 'size_t n; test_write_file(test_path("f%d", 1), "hi", 2);'
             ' CHECK_EQ_STR(test_read_file(test_path("f1"), &n), "hi"); CHECK_EQ_UINT(n, 2);'
             ' CHECK(mkdir(test_path("closed"), 0) == 0); puts(test_dir());',
    "source": 'CHECK(access(test_source("tests/lib/test.h"), R_OK) == 0);',
}


def program(cases):
    return HEAD + "".join("TEST(%s)\n{\n    %s\n}\n" % (name, body) for name, body in cases.items())


def build(root, folder, cases):
    source, binary = os.path.join(folder, "t.c"), os.path.join(folder, "t")
    with open(source, "w", encoding="utf-8") as f:
        f.write(program(cases))
    subprocess.run(["gcc", "-std=gnu17", "-D_GNU_SOURCE", "-I", root, '-DSW_TEST_SOURCE_DIR="%s"' % root, "-o",
                    binary, source, os.path.join(root, "tests/lib/test_main.c")], check=True)
    return binary


def run(binary, *args):
    return subprocess.run([binary, *args], capture_output=True, text=True, timeout=60)


def check(root, build_folder, files):
    if "tests/lib/test_main.c" not in files:
        return []
    problems = []
    with tempfile.TemporaryDirectory(prefix="slipway-lint-") as folder:
        binary = build(root, folder, {**FAIL, **PASS, "skips": 'test_skip("not %s", "here");'})
        everything = run(binary)
        for name in FAIL:
            if not re.search(r"^FAILED  %s " % name, everything.stdout, re.M):
                problems.append("tests/lib/test.h:1: %s did not fail" % name)
        for name in PASS:
            if not re.search(r"^ok      %s " % name, everything.stdout, re.M):
                problems.append("tests/lib/test.h:1: %s failed: %s" % (name, everything.stderr))
        closing = "t: %d passed, %d failed, 1 skipped\n" % (len(PASS), len(FAIL))
        if not everything.stdout.endswith(closing) or everything.returncode != 1:
            problems.append("tests/lib/test_main.c:1: no summary, or status %d" % everything.returncode)
        left = re.search(r"^/\S+slipway-test-\w+$", everything.stdout, re.M)
        if not left or os.path.exists(left.group(0)):
            problems.append("tests/lib/test_main.c:1: the case's folder is still there")
        if run(binary, "--list").stdout.split() != [*FAIL, *PASS, "skips"]:
            problems.append("tests/lib/test_main.c:1: --list does not list the cases in order")
        for args, status in ((["values"], 0), (["check"], 1), (["skips"], 77), (["unknown"], 2)):
            if run(binary, *args).returncode != status:
                problems.append("tests/lib/test_main.c:1: %s: not status %d" % (args, status))
    return problems


TOP = os.path.normpath(os.path.join(os.path.dirname(os.path.abspath(__file__)), "../.."))
REAL = {path: lint.read(TOP, path) for path in ("base/err.h", "tests/lib/test.h", "tests/lib/test_main.c")}


def mutant(old, new):
    text = REAL["tests/lib/test_main.c"]
    assert old in text, old
    return {**REAL, "tests/lib/test_main.c": text.replace(old, new)}


lint.main(check, {
    "comparison that holds always": mutant("if (got != want)", "if (0)"),
    "status 0 for failures": mutant("_exit(1);", "_exit(0);"),
    "folder left behind": mutant("FTW_PHYS | FTW_DEPTH", "FTW_PHYS"),
}, {"as it is": REAL})
