# SPDX-License-Identifier: Apache-2.0
# ctest-lock: containers
# ctest-timeout: 900
# ctest-cost: 59
"""The exercise "Deploy ECS Cluster - EC2 Launch Type" of the course notes, step by step with the AWS CLI, in a cluster of its own
that the machine waits for: cluster, nginx and httpd, a task, a service of two on a fixed port, another revision, scaling, and the
clean-up in the order of the notes (service, instance, cluster)."""
import pytest

from support import images
from support import run as r
from support.server import Server
from support.tasks import fetch, free_port

CLUSTER = "EC2Cluster"


@pytest.fixture(scope="module")
def up():
    r.need_root()
    for program in ("runc", "conmon", "busybox"):
        r.need_program(program)
    s = Server("up", ["--cluster", CLUSTER, "--task-healthy-after", "2s"])
    try:
        yield s.start()
    finally:
        s.close()


def test_the_course(up, tmp_path):
    def ecs(command, *more, **how):
        return up.aws("ecs", command, *more, *(() if command.startswith("register") else ("--cluster", CLUSTER)), **how)

    def define(family, host_port):
        path = tmp_path / "definition.json"
        path.write_text("""{"family": "%s", "networkMode": "bridge", "requiresCompatibilities": ["EC2"], "containerDefinitions": [{
            "name": "%s", "image": "%s/%s:2.4", "memory": 32, "stopTimeout": 2, "command": ["sh", "-c",
            "mkdir /tmp/w; echo this is %s > /tmp/w/index.html; exec httpd -f -p 80 -h /tmp/w"],
            "portMappings": [{"containerPort": 80, "hostPort": %d, "protocol": "tcp"}]}]}""" % (
                family, family, up.host_port, family, family, host_port))
        return ecs("register-task-definition", "--cli-input-json", "file://%s" % path)["taskDefinition"]["revision"]

    def service():
        return ecs("describe-services", "--services", "httpd")["services"][0]

    def events():
        return [e["message"] for e in service()["events"]]

    def tasks():
        arns = ecs("list-tasks", "--service-name", "httpd")["taskArns"]
        return ecs("describe-tasks", "--tasks", *arns)["tasks"] if arns else []

    def ports():
        return [b["hostPort"] for t in tasks() for c in t["containers"] for b in c["networkBindings"] if t["lastStatus"] == "RUNNING"]
    for name in ("nginx", "httpd"):
        up.create_repository(name)
        with up.http() as http:
            images.busybox().push(http, name, "2.4")

    # Create a cluster: the machine has asked for it and joins.
    made = up.aws("ecs", "create-cluster", "--cluster-name", CLUSTER, "--settings", "name=containerInsights,value=enabled")["cluster"]
    assert made["settings"] == [{"name": "containerInsights", "value": "enabled"}]
    instances = r.wait_for(lambda: ecs("list-container-instances")["containerInstanceArns"], 60, 0.5, "the machine in the cluster")
    assert up.aws("ecs", "describe-clusters", "--clusters", CLUSTER)["clusters"][0]["registeredContainerInstancesCount"] == 1

    # Run a task of nginx, and see its page.
    assert define("nginx", 0) == 1
    task = ecs("run-task", "--task-definition", "nginx")["tasks"][0]["taskArn"]
    ecs("wait", "tasks-running", "--tasks", task)
    seen = ecs("describe-tasks", "--tasks", task)["tasks"][0]
    assert (seen["group"], seen["launchType"], seen["availabilityZone"]) == ("family:nginx", "EC2", "local")
    assert "this is nginx" in fetch(seen["containers"][0]["networkBindings"][0]["hostPort"])
    ecs("stop-task", "--task", task)
    ecs("wait", "tasks-stopped", "--tasks", task)

    # A service of two with a fixed port: notice 1 task does not run.
    fixed = free_port()
    assert define("httpd", fixed) == 1
    ecs("create-service", "--service-name", "httpd", "--task-definition", "httpd", "--desired-count", "2", "--launch-type", "EC2")
    r.wait_for(lambda: "this is httpd" in fetch(fixed), 30, 0.3, "the first of two")
    said = r.wait_for(lambda: [e for e in events() if "unable to place" in e], 20, 0.3, "the event")
    assert said == ["(service httpd) was unable to place a task because no container instance met all of its requirements. The closest "
                    "matching (container-instance %s) is already using a port required by your task." % instances[0].rsplit("/", 1)[1]]
    assert service()["runningCount"] == 1

    # Revision 2 with host port 0; update the service; see both.
    assert define("httpd", 0) == 2
    ecs("update-service", "--service", "httpd", "--task-definition", "httpd:2")
    ecs("wait", "services-stable", "--services", "httpd")
    both = ports()
    assert len(set(both)) == 2 and all("this is httpd" in fetch(p) for p in both)
    assert not fetch(fixed)

    # Scale to 4.
    ecs("update-service", "--service", "httpd", "--desired-count", "4")
    ecs("wait", "services-stable", "--services", "httpd")
    assert len(set(ports())) == 4

    # Clean up: delete service, drain instance, delete cluster.
    assert "scaled above 0" in ecs("delete-service", "--service", "httpd", check=False).stderr
    assert "ClusterContainsContainerInstancesException" in ecs("delete-cluster", check=False).stderr
    ecs("delete-service", "--service", "httpd", "--force")
    ecs("wait", "services-inactive", "--services", "httpd")
    drained = ecs("update-container-instances-state", "--container-instances", instances[0], "--status", "DRAINING")
    assert [(i["status"], i["runningTasksCount"]) for i in drained["containerInstances"]] == [("DRAINING", 0)]
    ecs("deregister-container-instance", "--container-instance", instances[0])
    assert ecs("delete-cluster")["cluster"]["status"] == "INACTIVE"
    assert CLUSTER not in str(up.aws("ecs", "list-clusters"))
