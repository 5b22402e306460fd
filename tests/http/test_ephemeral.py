# SPDX-License-Identifier: Apache-2.0
# ctest-lock: containers
"""Throwaway servers: data that goes, and the reset between tests."""
import os
import time

import pytest

from support import run as r
from support.rawhttp import Http
from support.server import Server


class Ephemeral(Server):
    """Its folder is of its own choosing; the log says where."""

    def start(self, wait=30):
        self.args += ["--ephemeral"]
        return super().start(wait)

    def _ready(self, endpoint_file):
        with open(self.log, encoding="utf-8") as f:
            for line in f:
                if ", data in " in line:
                    self.data = line.split(", data in ")[1].strip()
        return super()._ready(os.path.join(self.data, "endpoint"))


def reset(server, headers=()):
    with Http(server.host_port) as http:
        return http.request("POST", "/_slipway/reset", b"", headers)


@pytest.fixture(scope="module")
def ephemeral():
    s = Ephemeral("serve")
    try:
        yield s.start()
    finally:
        s.close()


def fill(server, image):
    ecr, iam, ecs = server.boto("ecr"), server.boto("iam"), server.boto("ecs")
    ecr.create_repository(repositoryName="team/app")
    with server.http() as http:
        image.push(http, "team/app", "v1")
    iam.create_user(UserName="someone")
    ecs.create_cluster(clusterName="other")
    ecs.register_task_definition(family="app", containerDefinitions=[{"name": "a", "image": "x", "memory": 64}])


def test_a_reset_is_a_first_start(ephemeral, busybox_image):
    s = ephemeral
    for _ in range(3):
        fill(s, busybox_image)
        reply = reset(s)
        assert reply.status == 200, reply
        assert s.boto("ecr").describe_repositories()["repositories"] == []
        assert [u["UserName"] for u in s.boto("iam").list_users()["Users"]] == ["admin"]
        assert [a.rsplit("/", 1)[1] for a in s.boto("ecs").list_clusters()["clusterArns"]] == ["default"]
        assert s.boto("ecs").list_task_definitions()["taskDefinitionArns"] == []
        with s.http() as http:
            assert http.get("/v2/_catalog").json() == {"repositories": []}
            assert http.get("/v2/team/app/manifests/v1").status == 404
    s.boto("ecs").register_task_definition(family="app", containerDefinitions=[{"name": "a", "image": "x", "memory": 64}])
    assert s.boto("ecs").list_task_definitions()["taskDefinitionArns"][0].endswith("app:1")  # counted from the start


def test_the_bytes_go_too(ephemeral, busybox_image):
    fill(ephemeral, busybox_image)
    blobs = os.path.join(ephemeral.data, "blobs")
    assert sum(len(files) for _, _, files in os.walk(blobs)) > 0
    time.sleep(2.1)  # what came in the last moments may still be under way
    assert reset(ephemeral).status == 200
    r.wait_for(lambda: sum(len(files) for _, _, files in os.walk(blobs)) == 0, 20, 0.2, "no blob left")


def test_pages_of_a_browser_may_not(ephemeral):
    assert reset(ephemeral, {"Origin": "http://evil.example"}).status == 403
    with Http(ephemeral.host_port) as http:
        assert http.get("/_slipway/reset").status == 405


def test_other_servers_have_no_reset(server):
    server.boto("iam").create_user(UserName="stays")
    assert reset(server).status == 404
    server.boto("iam").get_user(UserName="stays")


def test_the_folder_goes_with_the_server(busybox_image):
    s = Ephemeral("serve")
    try:
        s.start()
        folder = s.data
        fill(s, busybox_image)
        s.stop()
        assert not os.path.exists(folder)
    finally:
        s.close()


def test_a_reset_stops_what_runs(busybox_image):
    r.need_root()
    s = Ephemeral("up")
    try:
        s.start()
        for _ in range(2):
            r.wait_for(lambda: s.boto("ecs").list_container_instances()["containerInstanceArns"], 30, 0.1, "an instance")
            s.boto("ecr").create_repository(repositoryName="app")
            with s.http() as http:
                busybox_image.push(http, "app", "v1")
            s.boto("ecs").register_task_definition(family="app", networkMode="host", containerDefinitions=[
                {"name": "a", "image": s.host_port + "/app:v1", "memory": 64, "stopTimeout": 2, "command": ["sleep", "3600"]}])
            arn = s.boto("ecs").run_task(taskDefinition="app")["tasks"][0]["taskArn"]
            s.boto("ecs").get_waiter("tasks_running").wait(tasks=[arn], WaiterConfig={"Delay": 1, "MaxAttempts": 120})
            assert reset(s).status == 200
            assert s.boto("ecs").list_tasks()["taskArns"] == []
            r.wait_for(lambda: not any(s.data + "/" in line and os.path.basename(line.split()[0]) == "conmon"
                                       for pid, line in r.processes() if r.alive(pid)), 30, 0.1, "end of the containers")
    finally:
        s.close()


def test_the_account_is_configured(busybox_image):
    s = Ephemeral("serve", args=["--account", "123456789012"])
    try:
        s.start()
        s.slipway("user", "add", "tester", "--access-key-id", "test", "--secret-access-key", "test")
        assert s.boto("sts", key=s.admin).get_caller_identity()["Account"] == "123456789012"
        assert s.boto("sts", key=("test", "test")).get_caller_identity()["Arn"].endswith("user/tester")
        assert reset(s).status == 200
        assert s.boto("sts", key=s.admin).get_caller_identity()["Account"] == "123456789012"
    finally:
        s.close()
