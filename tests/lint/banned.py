# SPDX-License-Identifier: Apache-2.0
"""Functions and words that do not occur, in tests neither: what base/banned.h bans (and undoing the
ban), notes to oneself, catch-all exception handlers, absolute paths of one person's machine."""
import ast
import re

from support import lint

FUNCTIONS = ("strcpy|strcat|strncpy|strncat|sprintf|vsprintf|strtok|atoi|atol|strtol|strtoul|strtoll"
             "|strtoull|gmtime|localtime|ctime|asctime|system|popen")
CALL = re.compile(r"(?<![\w.>])(%s)\s*\(" % FUNCTIONS)
UNDEF = re.compile(r"#\s*undef\s+(%s)\b" % FUNCTIONS)
NOTES = re.compile(r"\b(%s)\b" % "|".join(["TO" "DO", "FIX" "ME", "X" "XX", "HA" "CK"]))
PLACES = re.compile("/work" r"/(main|shared|\.library)\b|\.\./" "shared/|/home/[a-z]")
TEXT = (".c", ".h", ".py", ".md", ".cmake", ".txt", ".json", ".sql", ".conf", ".sh", ".service")


def python_handlers(path, text):
    problems = []
    try:
        tree = ast.parse(text)
    except SyntaxError as e:
        return ["%s:%s: %s" % (path, e.lineno, e.msg)]
    for node in ast.walk(tree):
        if not isinstance(node, ast.ExceptHandler):
            continue
        name = getattr(node.type, "id", "")
        idle = all(isinstance(s, (ast.Pass, ast.Continue)) for s in node.body)
        if node.type is None or (name in ("Exception", "BaseException") and idle):
            problems.append("%s:%d: an except that hides everything" % (path, node.lineno))
    return problems


def check(root, build, files):
    problems = []
    for path in files:
        if not path.endswith(TEXT) and path not in ("dev", ".ci/run"):
            continue
        text = lint.read(root, path)
        for pattern, what in ((NOTES, "note to oneself"), (PLACES, "path of one machine")):
            for m in pattern.finditer(text):
                problems.append("%s:%d: %s: %s" % (path, lint.line_of(text, m.start()), what, m.group(0)))
        if lint.is_c(path) and path != "base/banned.h":
            code = lint.c_code(text)
            for pattern in (CALL, UNDEF):
                for m in pattern.finditer(code):
                    problems.append("%s:%d: banned: %s" % (path, lint.line_of(code, m.start()), m.group(1)))
        if path.endswith(".py"):
            problems += python_handlers(path, text)
    return problems


lint.main(check, {
    "call": {"tests/unit/base/test_a.c": "void f(char *a)\n{\n    strcpy (a, a);\n}\n"},
    "ban undone": {"base/a.c": "#undef system\n"},
    "note": {"a.c": "/* %s: later */\n" % ("TO" "DO")},
    "bare except": {"a.py": "try:\n    f()\nexcept:\n    raise\n"},
    "silent except": {"a.py": "try:\n    f()\nexcept Exception:\n    pass\n"},
    "path": {"docs/a.md": "see %s/x\n" % ("/work" "/main")},
}, {
    "fine": {"a.c": "/* strcpy(a, b) is banned */\nint sw_system(void);\nchar t[] = \"/tmp/aXXXXXX\";\n"
                    "const char *s = \"popen(x)\";\nint f(struct a *p)\n{\n    return p->system(1);\n}\n",
             "a.py": "try:\n    f()\nexcept OSError:\n    pass\n"},
})
