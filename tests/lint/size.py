# SPDX-License-Identifier: Apache-2.0
"""No function above 100 lines (tables are data and exempt), no file above 1000."""
import ast
import re

from support import lint

FUNCTION_MAX = 100
FILE_MAX = 1000
TAIL = re.compile(r"(\)|__attribute__\s*\(\(.*\)\))\s*$", re.S)


def c_functions(text):
    """(first line, last line) of each function body: a top-level block that follows a closing parenthesis."""
    code = lint.c_code(text)
    code = re.sub(r"^[ \t]*#(?:[^\n\\]|\\.|\\\n)*", lambda m: re.sub(r"[^\n]", " ", m.group(0)), code, flags=re.M)
    depth = start = 0
    since = 0
    for m in re.finditer(r"[{};]", code):
        if m.group(0) == "{":
            if depth == 0:
                head = code[since:m.start()]
                start = lint.line_of(code, m.start()) if TAIL.search(head) else 0
            depth += 1
        elif m.group(0) == "}":
            depth -= 1
            if depth == 0:
                since = m.end()
                if start:
                    yield start, lint.line_of(code, m.end())
                start = 0
        elif depth == 0:
            since = m.end()


def python_functions(text):
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            yield node.lineno, node.end_lineno


def check(root, build, files):
    problems = []
    for path in files:
        if not path.endswith((".c", ".h", ".py", ".sh", ".cmake")) and path != "dev":
            continue
        text = lint.read(root, path)
        lines = text.count("\n")
        if lines > FILE_MAX:
            problems.append("%s:1: %d lines, the limit is %d" % (path, lines, FILE_MAX))
        spans = c_functions(text) if lint.is_c(path) else python_functions(text) if path.endswith(".py") else ()
        for first, last in spans:
            if last - first + 1 > FUNCTION_MAX:
                problems.append("%s:%d: a function of %d lines, the limit is %d" % (
                    path, first, last - first + 1, FUNCTION_MAX))
    return problems


LONG = "    x();\n" * 101
lint.main(check, {
    "long function": {"a.c": "int f(void)\n{\n" + LONG + "}\n"},
    "long second function": {"a.c": "static int t[] = {1};\nint f(struct a *x,\n      int y)\n{\n" + LONG + "}\n"},
    "long test": {"a.c": "TEST(x)\n{\n" + LONG + "}\n"},
    "long python": {"a.py": "def f():\n" + LONG},
    "long file": {"a.h": "int x;\n" * 1001},
}, {
    "table": {"a.c": "static const int t[] = {\n" + "    1,\n" * 300 + "};\n"},
    "two short ones": {"a.c": ("int f(void)\n{\n" + "    x(\"{\");\n" * 90 + "}\n") * 2},
})
