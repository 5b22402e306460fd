# SPDX-License-Identifier: Apache-2.0
# ctest-lock: containers
# ctest-cost: 45
"""What machines and tasks use: sampled by the agent, shown by slipway top and /metrics; slipway events."""
import re


from support import run as r
from support.fleet import Fleet
from support.machines import AGENT_POLICY


def lines(text):
    return {line.split()[0]: line.split() for line in text.splitlines() if line.strip()}


def test_a_busy_task_is_seen(up, tasks, name):
    busy = tasks.start(name, {"command": "while :; do :; done", "memory": 64})
    idle = tasks.start(name + "-idle", {"command": "sleep 1000", "memory": 64})
    tasks.wait_running(busy)
    tasks.wait_running(idle)
    ids = [a.rsplit("/", 1)[1] for a in (busy, idle)]

    def shown():
        rows = lines(up.slipway("top", "--once").stdout)
        found = [rows.get(i) for i in ids]
        if not all(f and f[3].isdigit() and f[4].isdigit() for f in found):
            return None
        return found if int(found[0][3]) > 100 > 20 > int(found[1][3]) else None
    seen = r.wait_for(shown, 60, 0.5, "samples of a busy and an idle task")
    assert seen[0][1] == "family:" + name and seen[0][2] == "RUNNING" and int(seen[0][4]) <= 64
    instance = tasks.ecs.list_container_instances()["containerInstanceArns"][0].rsplit("/", 1)[1]
    row = lines(up.slipway("top", "--once").stdout)[instance]
    assert row[1] == "ACTIVE" and row[2].isdigit() and int(row[4]) > 0 and row[6] == "2"
    assert row[5].startswith("128/")
    with up.http(None) as http:
        page = http.get("/metrics").body.decode()
    for i in ids:
        assert re.search(r'^slipway_task_memory_bytes\{instance_id="%s",task_id="%s"\} \d+$' % (instance, i), page, re.M), page[-3000:]
        assert re.search(r'^slipway_task_cpu_seconds_total\{instance_id="%s",task_id="%s"\} [\d.]+$' % (instance, i), page, re.M)
    assert re.search(r'^slipway_instance_memory_mib\{instance_id="%s"\} \d+$' % instance, page, re.M)
    assert re.search(r'^slipway_instance_cpu_units\{instance_id="%s"\} \d+$' % instance, page, re.M)
    tasks.stop(busy)
    tasks.stop(idle)
    r.wait_for(lambda: ids[0] not in up.slipway("top", "--once").stdout, 30, 0.5, "end of the task in top")


def test_events_of_services(up, tasks, name):
    definition = tasks.define(name, {"command": "sleep 1000"})
    tasks.ecs.create_service(serviceName=name, taskDefinition=definition, desiredCount=1)
    try:
        r.wait_for(lambda: "has started 1 tasks" in up.slipway("events", "--service", name).stdout, 30, 0.5, "event")
        row = up.slipway("events").stdout.splitlines()[0].split()
        assert re.match(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$", row[0]) and row[1] == name
    finally:
        tasks.ecs.delete_service(service=name, force=True)
    assert up.slipway("events", "--service", name, "--cluster", "ghost", check=False).returncode == 1


def test_only_the_instance_says_what_it_uses(up, name):
    fleet = Fleet(up, name)
    arn = fleet.join("mine")
    task = {"task": arn.replace("container-instance", "task"), "cpuMs": 1500, "memoryBytes": 4096}
    assert fleet.agent("SubmitMetrics", containerInstance=arn, cpuUnits=7, memoryMiB=8, tasks=[task]).status == 200
    reply = fleet.agent("GetUsage").json()["instances"]
    assert [(i["containerInstanceArn"], i["cpuUnits"], i["memoryMiB"], i["tasks"]) for i in reply] == [(arn, 7, 8, [])]
    key = up.add_user(name)
    up.boto("iam").attach_user_policy(UserName=name, PolicyArn=AGENT_POLICY)
    other = fleet.agent("SubmitMetrics", key=key, containerInstance=arn, cpuUnits=9, tasks=[])
    assert (other.status, other.json()["__type"]) == (400, "AccessDeniedException")
    assert fleet.agent("GetUsage").json()["instances"] == reply
    for bad in ({"tasks": [{"task": "x"}]}, {"tasks": [dict(task, task="x" * 641)]}, {"tasks": "x"}, {}):
        assert fleet.agent("SubmitMetrics", containerInstance=arn, **bad).status == 400, bad
