# SPDX-License-Identifier: Apache-2.0
"""Placement strategies and constraints through RunTask, on instances whose agents only poll."""
import pytest
from botocore.exceptions import ClientError

from support.fleet import Fleet


@pytest.fixture
def fleet(server, name):
    return Fleet(server, name)


def test_binpack_random_and_spread(fleet, name):
    fleet.join("a1", zone="a")
    fleet.join("a2", zone="a", memory=600)
    fleet.join("b1", zone="b")
    fleet.define(name)
    pack = [{"type": "binpack", "field": "memory"}]
    assert fleet.run(name, 6, placementStrategy=pack)[0] == ["a2"] * 6
    zones = [{"type": "spread", "field": "attribute:zone"}]
    assert fleet.run(name, 6, placementStrategy=zones)[0] == ["b1"] * 6  # six are in zone a already
    both = zones + [{"type": "spread", "field": "instanceId"}]
    placed, failures = fleet.run(name, 2, group="other", placementStrategy=both)
    assert placed == ["a1", "b1"] and not failures
    placed, _ = fleet.run(name, 2, placementStrategy=[{"type": "random"}])
    assert set(placed) <= {"a1", "b1"}


def test_constraints_say_whom_they_refuse(fleet, name):
    fleet.join("old", ecs_instance="t2.micro")
    fleet.join("new", ecs_instance="m5.large")
    fleet.join("small", ecs_instance="m5.small", memory=50)
    fleet.define(name, placementConstraints=[{"type": "memberOf", "expression": "attribute:ecs.instance =~ m5.*"}])
    placed, failures = fleet.run(name, 3, placementConstraints=[{"type": "distinctInstance"}])
    assert placed == ["new"]
    assert failures == {"old": "MemberOf placement constraint unsatisfied.",
                        "new": "DistinctInstance placement constraint unsatisfied.",
                        "small": "RESOURCE:MEMORY"}
    definition = fleet.ecs.describe_task_definition(taskDefinition=name)["taskDefinition"]
    assert definition["placementConstraints"] == [{"type": "memberOf", "expression": "attribute:ecs.instance =~ m5.*"}]


def test_tasks_keep_company_or_distance_by_group(fleet, name):
    for instance in ("x", "y", "z"):
        fleet.join(instance)
    fleet.define(name)
    (home,), _ = fleet.run(name, group="database")
    near = [{"type": "memberOf", "expression": "task:group == database"}]
    far = [{"type": "memberOf", "expression": "not(task:group in [database, " + name + "])"}]
    assert fleet.run(name, 3, placementConstraints=near, group="cache")[0] == [home] * 3
    placed, failures = fleet.run(name, 3, placementConstraints=far, group=name)
    assert sorted(placed) == sorted({"x", "y", "z"} - {home})
    assert set(failures.values()) == {"MemberOf placement constraint unsatisfied."}


@pytest.mark.parametrize("more, part", [
    ({"placementStrategy": [{"type": "binpack", "field": "disk"}]}, "cpu or memory"),
    ({"placementStrategy": [{"type": "random"}] * 6}, "at most 5"),
    ({"placementConstraints": [{"type": "memberOf", "expression": "attribute:x == 'y"}]}, "column 16: the quotation mark"),
    ({"placementConstraints": [{"type": "memberOf", "expression": "attribute:x =~ (a"}]}, "column 18: ')' is missing"),
    ({"placementConstraints": [{"type": "memberOf", "expression": "("}]}, "column 2: a subject was expected"),
    ({"placementConstraints": [{"type": "memberOf", "expression": "x" * 2001}]}, "longer than 2000"),
    ({"placementConstraints": [{"type": "distinctInstance"}] * 11}, "at most 10"),
])
def test_rules_that_mean_nothing(fleet, name, more, part):
    fleet.join("x")
    fleet.define(name)
    with pytest.raises(ClientError) as e:
        fleet.run(name, **more)
    assert e.value.response["Error"]["Code"] == "InvalidParameterException"
    assert part in e.value.response["Error"]["Message"]


def test_definition_with_a_broken_expression_is_refused(fleet, name):
    with pytest.raises(ClientError) as e:
        fleet.define(name, placementConstraints=[{"type": "memberOf", "expression": "colour == red"}])
    assert "column 1: unknown subject" in e.value.response["Error"]["Message"]


def test_explain_names_the_reason_for_every_instance(fleet, server, name):
    fleet.join("near", memory=2000, zone="a")
    fleet.join("full", memory=50, zone="a")
    fleet.join("other", zone="b")
    fleet.define(name, port=8080)
    assert fleet.run(name, placementStrategy=[{"type": "spread", "field": "attribute:zone"}])[0] == ["near"]
    out = server.slipway("placement", "explain", name, "--cluster", name, "--strategy", "spread:attribute:zone").stdout
    lines = {fleet.names[arn]: next(x for x in out.splitlines() if x.startswith(arn.rsplit("/", 1)[1]))
             for arn in fleet.names}
    assert "CHOSEN" in lines["other"]
    assert "REJECTED" in lines["near"] and "port 8080 is in use" in lines["near"]
    assert "REJECTED" in lines["full"] and "needs 100 MiB of memory, 50 are left" in lines["full"]
    out = server.slipway("placement", "explain", name, "--cluster", name, "--constraint", "attribute:zone == a", "--count", "2").stdout
    assert "memberOf: not so: attribute:zone == a" in out
    assert "2 of 2 tasks find no place." in out
    assert len(fleet.ecs.list_tasks(cluster=name)["taskArns"]) == 1  # nothing was started


def test_explain_says_what_each_strategy_saw(fleet, server, name):
    fleet.join("a1", zone="a")
    fleet.join("a2", zone="a", memory=700)
    fleet.join("b1", zone="b")
    fleet.define(name)
    fleet.run(name, 1, placementStrategy=[{"type": "spread", "field": "attribute:zone"}, {"type": "binpack", "field": "memory"}])
    fleet.run(name, 1, placementConstraints=[{"type": "memberOf", "expression": "attribute:zone == b"}])
    out = server.slipway("placement", "explain", name, "--cluster", name, "--strategy", "spread:attribute:zone,binpack:memory").stdout
    assert "binpack: 1000 MiB of memory are left, 600 with the chosen one" in out
    assert "binpack: 900 MiB of memory are left, 600 with the chosen one" in out
    p = server.slipway("placement", "explain", name, "--cluster", name, "--strategy", "binpack:disk", check=False)
    assert p.returncode == 1 and "cpu or memory" in p.stderr
    assert server.slipway("placement", "why", name, check=False).returncode == 2
    assert server.slipway("placement", "explain", check=False).returncode == 2
