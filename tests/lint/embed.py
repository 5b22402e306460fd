# SPDX-License-Identifier: Apache-2.0
"""What the build embeds arrives byte for byte, and migrations are numbered once, in order."""
import os
import subprocess
import tempfile

from support import lint

PRINT_FILE = """#include <stdio.h>
extern const unsigned char x[];
extern const size_t x_size;
int main(void)
{
    fwrite(x, 1, x_size + 1, stdout);
    return 0;
}
"""
HEADER = """#pragma once
#include <stddef.h>
struct meta_migration {
    int number;
    const char *name;
    const char *sql;
};
extern const struct meta_migration meta_migrations[];
extern const size_t meta_migrations_n;
"""
PRINT_MIGRATIONS = """#include "m.h"
#include <stdio.h>
int main(void)
{
    for (size_t i = 0; i < meta_migrations_n; i++)
        printf("%d %s %s", meta_migrations[i].number, meta_migrations[i].name, meta_migrations[i].sql);
    return 0;
}
"""


def generate(root, folder, script, *defines):
    return subprocess.run(["cmake", *("-D" + d for d in defines), "-P", os.path.join(root, "cmake", script)],
                          cwd=folder, capture_output=True, text=True)


def output(folder, main):
    with open(os.path.join(folder, "main.c"), "w", encoding="utf-8") as f:
        f.write(main)
    subprocess.run(["gcc", "-Wall", "-Wextra", "-Werror", "-I.", "-o", "t", "main.c", "out.c"], cwd=folder, check=True)
    return subprocess.run(["./t"], cwd=folder, capture_output=True, check=True).stdout


def check(root, build, files):
    if "cmake/EmbedFile.cmake" not in files:
        return []
    problems = []
    with tempfile.TemporaryDirectory(prefix="slipway-lint-") as folder:
        for data in (bytes(range(256)) * 3 + b"tail", b"", b'a;b[c]"\\\n'):
            with open(os.path.join(folder, "in"), "wb") as f:
                f.write(data)
            done = generate(root, folder, "EmbedFile.cmake", "IN=in", "OUT=out.c", "SYMBOL=x")
            if done.returncode != 0 or output(folder, PRINT_FILE) != data + b"\0":
                problems.append("cmake/EmbedFile.cmake:1: %d bytes came out otherwise" % len(data))
        lint.make_tree(folder, {"m.h": HEADER, "0002_b.sql": "B;'\"\\\n", "0010_c.sql": "C\n", "0001_a.sql": "A\u00e9\n",
                                "0002_d.sql": "D\n", "x.sql": ""})
        listed = "FILES=0010_c.sql;0002_b.sql;0001_a.sql"
        done = generate(root, folder, "EmbedMigrations.cmake", listed, "OUT=out.c", "HEADER=m.h")
        wanted = "1 0001_a A\u00e9\n2 0002_b B;'\"\\\n10 0010_c C\n".encode()
        if done.returncode != 0 or output(folder, PRINT_MIGRATIONS) != wanted:
            problems.append("cmake/EmbedMigrations.cmake:1: the array differs from the files")
        for extra, why in (("0002_d.sql", "number used twice"), ("x.sql", "no number")):
            if generate(root, folder, "EmbedMigrations.cmake", listed + ";" + extra, "OUT=o.c", "HEADER=m.h").returncode == 0:
                problems.append("cmake/EmbedMigrations.cmake:1: accepted: " + why)
    return problems


SILENT = {"cmake/EmbedFile.cmake": 'file(WRITE "${OUT}" "#include <stddef.h>\nconst unsigned char x[] = {0};\nconst size_t x_size = 0;\n")\n',
          "cmake/EmbedMigrations.cmake": 'file(WRITE "${OUT}" "#include \\"m.h\\"\nconst struct meta_migration meta_migrations[] = {{1, 0, 0}};\n'
                                         'const size_t meta_migrations_n = 0;\n")\n'}
lint.main(check, {"an embedder that loses bytes": SILENT}, {})
