# SPDX-License-Identifier: Apache-2.0
# ctest-lock: containers
"""An image that a task runs stays, whatever the policy says and whatever became of its tag and its task definition."""
import json

import pytest

from support import images
from support import run as r
from support.server import Server
from support.tasks import Tasks


@pytest.fixture(scope="module")
def up():
    r.need_root()
    for program in ("runc", "conmon", "busybox"):
        r.need_program(program)
    s = Server("up", env={"SLIPWAY_LIFECYCLE_DELAY": "0s", "SLIPWAY_LIFECYCLE_INTERVAL": "1s"})
    try:
        yield s.start()
    finally:
        s.close()


def test_a_running_task_holds_its_image(up, name):
    tasks, ecr = Tasks(up), up.boto("ecr")
    image = tasks.push(images.busybox(), name, "v1")
    definition = tasks.define(name, {"image": image, "command": "sleep 300"})
    arn = tasks.run(definition)
    tasks.wait_running(arn)
    digest = tasks.container(arn)["imageDigest"]
    tasks.ecs.deregister_task_definition(taskDefinition=tasks.describe(arn)["taskDefinitionArn"])
    with up.http() as http:
        images.busybox(config={"Labels": {"n": "2"}}).push(http, name, "v1")  # the tag moves on
        images.busybox(config={"Labels": {"n": "3"}}).push(http, name, "v3")
    text = json.dumps({"rules": [{"rulePriority": 1, "description": "all but the newest", "selection": {
        "tagStatus": "any", "countType": "imageCountMoreThan", "countNumber": 1}, "action": {"type": "expire"}}]})
    ecr.put_lifecycle_policy(repositoryName=name, lifecyclePolicyText=text)

    def left():
        return {i["imageDigest"] for i in ecr.list_images(repositoryName=name)["imageIds"]}

    def evaluated():
        before = ecr.get_lifecycle_policy(repositoryName=name).get("lastEvaluatedAt")
        r.wait_for(lambda: ecr.get_lifecycle_policy(repositoryName=name).get("lastEvaluatedAt") != before, 20, 0.1, "run")
    evaluated()
    evaluated()
    assert digest in left()
    preview = up.slipway("lifecycle", "preview", name).stdout
    assert "used by task " + arn in [line for line in preview.splitlines() if digest in line][0]
    tasks.stop(arn)
    r.wait_for(lambda: digest not in left(), 20, 0.2, "the image goes when the task has stopped")
