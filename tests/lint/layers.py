# SPDX-License-Identifier: Apache-2.0
"""Includes follow the list of who may use whom, and a few libraries stay behind one file."""
import re

from support import lint

MAY_INCLUDE = {
    "base": [],
    "storage/blob": ["base"],
    "storage/meta": ["base"],
    "auth": ["base", "storage/blob", "storage/meta"],
    "api": ["base", "auth"],
    "auth/api": ["auth", "api", "storage/blob", "storage/meta", "base"],
    "registry/core": ["base", "storage/blob", "storage/meta", "auth"],
    "registry/api": ["registry/core", "api", "auth", "base"],
    "launcher/model": ["base"],
    "launcher/plan": ["launcher/model", "base"],
    "launcher/runtime": ["launcher/model", "base"],
    "launcher/agent": ["launcher/runtime", "launcher/model", "base"],
    "launcher/service": ["launcher/plan", "launcher/model", "storage/blob", "storage/meta", "auth", "base"],
    "launcher/logs": ["storage/meta", "auth", "base"],
    "launcher/secrets": ["storage/meta", "auth", "base"],
    "launcher/api": ["launcher/service", "launcher/logs", "launcher/secrets", "launcher/model", "api", "auth", "base"],
}
MAY_INCLUDE["server"] = list(MAY_INCLUDE)
ONLY_IN = [
    (r"microhttpd\.h$", r"api/mhd(_\w+)?\.[ch]$"),
    (r"^gnutls/", r"api/(tls|gnutls_lazy)\.c$"),
    (r"sqlite3(ext)?\.h$", r"storage/meta/sqlite(_\w+)?\.[ch]$"),
    (r"libpq-fe\.h$", r"storage/meta/pg(_\w+)?\.[ch]$"),
]
INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]*([<"])([^>"]+)[>"]', re.M)


def module_of(path):
    best = ""
    for name in MAY_INCLUDE:
        if path.startswith(name + "/") and len(name) > len(best):
            best = name
    return best


def reachable(module):
    seen = {module}
    todo = [module]
    while todo:
        for dep in MAY_INCLUDE[todo.pop()]:
            if dep not in seen:
                seen.add(dep)
                todo.append(dep)
    return seen


def allowed_for(path):
    """(what the file is, modules it may include), or None when the file is free."""
    module = module_of(path)
    if module:
        return module, {module, *MAY_INCLUDE[module]}
    if path.startswith("tests/unit/"):
        module = module_of(path[len("tests/unit/"):])
        if module:
            return "a test of " + module, reachable(module)
    return None


def check(root, build, files):
    problems = []
    known = set(files)
    for path in filter(lint.is_c, files):
        rule = allowed_for(path)
        text = lint.c_code(lint.read(root, path), keep_strings=True)
        for match in INCLUDE.finditer(text):
            where = "%s:%d: " % (path, lint.line_of(text, match.start()))
            kind, name = match.groups()
            target = module_of(name)
            if rule and target and target not in rule[1]:
                problems.append(where + "%s may not include %s" % (rule[0], name))
            if kind == '"' and name not in known:
                problems.append(where + '"%s" is no path from the top of the tree' % name)
            if kind == "<" and target and name in known:
                problems.append(where + "project headers are included with quotes: " + name)
            for library, home in ONLY_IN:
                if re.search(library, name) and not path.startswith("tests/") and not re.match(home, path):
                    problems.append(where + "%s belongs to %s alone" % (name, home))
    return problems


BASE = {"base/err.h": "", "api/http.h": "", "registry/core/repo.h": "", "launcher/model/task.h": ""}
lint.main(check, {
    "base uses api": {**BASE, "base/x.c": '#include "api/http.h"\n'},
    "launcher uses registry": {**BASE, "launcher/api/x.c": '#include "registry/core/repo.h"\n'},
    "registry uses launcher": {**BASE, "registry/api/x.h": '# include "launcher/model/task.h"\n'},
    "listener elsewhere": {"api/router.c": "#include <microhttpd.h>\n"},
    "database elsewhere": {"registry/core/x.c": "#include <sqlite3.h>\n"},
    "short path": {"base/x.h": "", "base/x.c": '#include "x.h"\n'},
    "unit test reaches out": {**BASE, "tests/unit/base/test_x.c": '#include "api/http.h"\n'},
}, {
    "allowed": {**BASE, "registry/api/x.c": '#include "registry/core/repo.h"\n#include "api/http.h"\n',
                "api/mhd.c": "#include <microhttpd.h>\n", "storage/meta/sqlite.c": "#include <sqlite3.h>\n",
                "tests/unit/registry/api/test_x.c": '#include "base/err.h"\n'},
    "in a comment": {**BASE, "base/x.c": '/*\n#include "api/http.h"\n*/\n'},
})
