# SPDX-License-Identifier: Apache-2.0
# ctest-lock: containers
"""The main job, end to end, with the commands that the documentation shows."""
import json

from support import images
from support import run as r
from support.clients import stored


def test_the_block_of_commands_in_the_design(dockerd, up, busybox_image, tmp_path):
    """As written there, up to the address: create a repository, log in through a pipe, push, register, run."""
    tag = up.host_port + "/team/app:v1"
    r.wait_for(lambda: up.boto("ecs").list_container_instances()["containerInstanceArns"], 20, 0.1, "container instance")
    dockerd.run("load", "--input", images.docker_archive(str(tmp_path / "image.tar"), busybox_image, tag))
    (tmp_path / "app.json").write_text(json.dumps({"family": "app", "containerDefinitions": [
        {"name": "app", "image": tag, "memory": 64, "command": ["true"]}]}))
    script = """set -e
export AWS_SHARED_CREDENTIALS_FILE=DIR/credentials AWS_DEFAULT_REGION=us-east-1
aws --endpoint-url http://127.0.0.1:5000 ecr create-repository --repository-name team/app
aws --endpoint-url http://127.0.0.1:5000 ecr get-login-password | docker login --username AWS --password-stdin 127.0.0.1:5000
docker push 127.0.0.1:5000/team/app:v1
aws --endpoint-url http://127.0.0.1:5000 ecs register-task-definition --cli-input-json file://app.json
aws --endpoint-url http://127.0.0.1:5000 ecs run-task --task-definition app
"""
    script = script.replace("127.0.0.1:5000", up.host_port).replace("DIR", up.data)
    p = r.run(["sh", "-c", script], env=dict(dockerd.env(), AWS_PAGER=""), cwd=str(tmp_path))
    assert "Login Succeeded" in p.stdout
    assert '"repositoryUri": "%s/team/app"' % up.host_port in p.stdout
    assert '"taskDefinitionArn": "arn:aws:ecs:us-east-1:000000000000:task-definition/app:1"' in p.stdout
    assert stored(up, "team/app", "v1")[0] in p.stdout
    arns = up.boto("ecs").list_tasks(family="app")["taskArns"] + \
        up.boto("ecs").list_tasks(family="app", desiredStatus="STOPPED")["taskArns"]
    up.boto("ecs").get_waiter("tasks_stopped").wait(tasks=arns, WaiterConfig={"Delay": 1, "MaxAttempts": 120})
    task = up.boto("ecs").describe_tasks(tasks=arns)["tasks"][0]
    assert task["containers"][0]["exitCode"] == 0, task
    assert task["containers"][0]["imageDigest"] == stored(up, "team/app", "v1")[0]
