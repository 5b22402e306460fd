# SPDX-License-Identifier: Apache-2.0
# ctest-lock: containers
"""containerPortRange: ports side by side, on the host as in the container, and what is refused. Calls are made as JSON, because the
installed models do not have the member yet."""
import json

import pytest

from support import run as r
from support.aws import call
from support.tasks import fetch


def ecs(where, operation, **body):
    return call(where.server, "ecs", operation, json.dumps(body).encode())


def define(tasks, name, mappings, mode="bridge", command="true"):
    c = {"name": "main", "image": tasks.image, "memory": 64, "command": ["sh", "-c", command], "stopTimeout": 1, "portMappings": mappings}
    return ecs(tasks, "RegisterTaskDefinition", family=name, networkMode=mode, containerDefinitions=[c])


def ports(text):
    return [int(x) for x in text.split("-")]


def test_a_range_is_open_on_the_host(tasks, name):
    command = "for p in 8000 8001 8002 9000; do httpd -p $p -h /www; done; sleep 100"
    mappings = [{"containerPortRange": "8000-8002"}, {"containerPort": 9000}]
    assert define(tasks, name, mappings, command=command).status == 200
    arn = tasks.run(name)
    tasks.wait_running(arn)
    out = ecs(tasks, "DescribeTasks", tasks=[arn]).json()["tasks"][0]["containers"][0]["networkBindings"]
    ranged, single = sorted(out, key=lambda b: "containerPort" in b)
    assert ranged["containerPortRange"] == "8000-8002" and "containerPort" not in ranged and ranged["protocol"] == "tcp"
    first, last = ports(ranged["hostPortRange"])
    assert last - first == 2 and single["containerPort"] == 9000
    for port in (first, first + 1, last, single["hostPort"]):
        r.wait_for(lambda: "served by a task" in fetch(port), 20, 0.2, "port %d" % port)  # pylint: disable=W0640
    # Another task of the same definition gets others.
    other = tasks.run(name)
    tasks.wait_running(other)
    b = [x for x in ecs(tasks, "DescribeTasks", tasks=[other]).json()["tasks"][0]["containers"][0]["networkBindings"]
         if "hostPortRange" in x][0]
    assert not set(range(first, last + 1)) & set(range(*ports(b["hostPortRange"])))
    for a in (arn, other):
        tasks.stop(a)
    assert fetch(first) == ""


def test_what_is_registered_is_described(tasks, name):
    mappings = [{"containerPortRange": "8000-8010", "protocol": "udp", "name": "many"}]
    assert define(tasks, name, mappings).status == 200
    got = ecs(tasks, "DescribeTaskDefinition", taskDefinition=name).json()["taskDefinition"]
    assert got["containerDefinitions"][0]["portMappings"] == mappings


@pytest.mark.parametrize("mappings, mode, part", (
    ([{"containerPortRange": "80"}], "bridge", "must be like"), ([{"containerPortRange": "90-80"}], "bridge", "must be like"),
    ([{"containerPortRange": "80-80"}], "bridge", "must be like"), ([{"containerPortRange": "0-10"}], "bridge", "must be like"),
    ([{"containerPortRange": "65530-65536"}], "bridge", "must be like"), ([{"containerPortRange": "a-b"}], "bridge", "must be like"),
    ([{"containerPortRange": "80-90", "containerPort": 80}], "bridge", "cannot be given with"),
    ([{"containerPortRange": "80-90", "hostPort": 80}], "bridge", "cannot be given with"),
    ([{"containerPortRange": "80-90"}, {"containerPort": 85}], "bridge", "overlaps"),
    ([{"containerPortRange": "80-90"}, {"containerPortRange": "90-95"}], "bridge", "overlaps"),
    ([{"containerPortRange": "80-90"}], "host", "only for the network modes bridge and awsvpc"),
    ([{"containerPortRange": "1000-1100"}], "bridge", "more than 100"),
))
def test_ranges_that_cannot_be(tasks, name, mappings, mode, part):
    reply = define(tasks, name, mappings, mode)
    assert reply.status == 400 and part in reply.json()["message"], reply


def test_ranges_side_by_side_may_be(tasks, name):
    for mappings in ([{"containerPortRange": "80-89"}, {"containerPortRange": "90-95"}],
                     [{"containerPortRange": "80-89"}, {"containerPortRange": "80-89", "protocol": "udp"}]):
        for mode in ("bridge", "awsvpc"):
            assert define(tasks, name, mappings, mode).status == 200
