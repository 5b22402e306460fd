# SPDX-License-Identifier: Apache-2.0
"""docs/operations.md is what `slipway debug operations` prints, and that is what the tables say."""
import json
import os
import re

from support import run as r

DOC = os.path.join(os.environ.get("SLIPWAY_SOURCE_DIR", "."), "docs", "operations.md")


def printed(tmp_path, what):
    return r.run([r.BIN, "debug", what], env=r.clean_env(str(tmp_path))).stdout


def test_the_document_is_current(tmp_path):
    with open(DOC, encoding="utf-8") as f:
        assert f.read() == printed(tmp_path, "operations"), "run: slipway debug operations > docs/operations.md"


def rows(text):
    service, found = None, {}
    for line in text.splitlines():
        if line.startswith("## "):
            service = line[3:]
            assert service not in found, line
            found[service] = {}
        m = re.match(r"\| (\w+) \| ([a-z ]+) \| (.*) \|$", line)
        if m and m.group(1) != "operation":
            assert m.group(1) not in found[service], line
            found[service][m.group(1)] = (m.group(2), m.group(3))
    return found


def test_every_operation_has_its_row_and_nothing_is_vague(tmp_path):
    found, tables = rows(printed(tmp_path, "operations")), json.loads(printed(tmp_path, "schema"))
    expected = {}
    for target, table in tables.items():
        heading = target if target.startswith("Slipway") else table["signingName"]
        assert heading not in expected
        expected[heading] = set(table["operations"]) | set(table["unimplemented"])
    assert {s: set(ops) for s, ops in found.items()} == expected
    for service, ops in found.items():
        for name, (state, remark) in ops.items():
            assert state in ("implemented", "stored only", "refused", "always empty", "not implemented"), (service, name)
            assert bool(remark) == (state in ("stored only", "refused", "always empty")), (service, name)


def test_all_of_ecr(tmp_path):
    found = rows(printed(tmp_path, "operations"))
    assert len(found["ecr"]) == 62 and len(found["ecr-public"]) == 23
    assert not [n for s in ("ecr", "ecr-public") for n, (state, _) in found[s].items() if state == "not implemented"]
