# SPDX-License-Identifier: Apache-2.0
"""boto3: ECR and the parts of ECS that need no container, identities; each reply is checked against the service's model."""
import datetime
import json
import os

import pytest
from botocore.exceptions import ClientError, WaiterError

from support import images
from support import run as r
from support.aws import call
from support.rawhttp import Http


@pytest.fixture(scope="module")
def ecr(server):
    return server.boto("ecr")


@pytest.fixture(scope="module")
def ecs(server):
    return server.boto("ecs")


@pytest.fixture(scope="module")
def http(server):
    with server.http() as h:
        yield h


class Refused:
    """with Refused("Name") as e: ...; then e.message."""

    def __init__(self, name):
        self.name, self.message = name, None

    def __enter__(self):
        return self

    def __exit__(self, kind, error, trace):
        assert isinstance(error, ClientError), "not refused: %r" % error
        assert error.response["Error"]["Code"] == self.name, error
        self.message = error.response["Error"]["Message"]
        return True


def push_image(http, repository, *tags, size=10):
    config = images.dump({"architecture": "amd64", "os": "linux", "x": os.urandom(8).hex()})
    layer = os.urandom(size)
    for data in (config, layer):
        images.push_blob(http, repository, data)
    body = images.dump({"schemaVersion": 2, "mediaType": images.OCI_MANIFEST,
                        "config": images.descriptor(images.OCI_CONFIG, config),
                        "layers": [images.descriptor(images.OCI_GZIP, layer)]})
    for reference in tags or (images.digest(body),):
        assert images.put_manifest(http, repository, reference, body).status == 201
    return images.digest(body), body


# -- ECR: repositories

def test_create_describe_delete_repository(server, ecr, name):
    before = datetime.datetime.now(datetime.timezone.utc) - datetime.timedelta(seconds=2)
    made = ecr.create_repository(repositoryName=name)["repository"]
    assert made["repositoryArn"] == "arn:aws:ecr:us-east-1:000000000000:repository/" + name
    assert made["repositoryUri"] == "%s/%s" % (server.host_port, name)
    assert made["registryId"] == r.ACCOUNT
    assert made["imageTagMutability"] == "MUTABLE"
    assert before < made["createdAt"] < before + datetime.timedelta(seconds=30)
    assert ecr.describe_repositories(repositoryNames=[name])["repositories"] == [made]
    assert ecr.delete_repository(repositoryName=name)["repository"]["repositoryArn"] == made["repositoryArn"]
    with Refused("RepositoryNotFoundException") as e:
        ecr.describe_repositories(repositoryNames=[name])
    assert e.message == ("The repository with name '%s' does not exist in the registry with id '000000000000'" % name)


def test_repository_exists_already(ecr, name):
    ecr.create_repository(repositoryName=name)
    with Refused("RepositoryAlreadyExistsException") as e:
        ecr.create_repository(repositoryName=name)
    assert e.message == "The repository with name '%s' already exists in the registry with id '000000000000'" % name


def test_delete_of_a_repository_with_images_needs_force(ecr, http, name):
    ecr.create_repository(repositoryName=name)
    push_image(http, name, "v1")
    with Refused("RepositoryNotEmptyException"):
        ecr.delete_repository(repositoryName=name)
    assert len(ecr.list_images(repositoryName=name)["imageIds"]) == 1
    ecr.delete_repository(repositoryName=name, force=True)
    assert http.get("/v2/%s/manifests/v1" % name).status == 404
    ecr.create_repository(repositoryName=name)
    assert ecr.list_images(repositoryName=name)["imageIds"] == []


@pytest.mark.parametrize("operation, more", (
    ("delete_repository", {}), ("list_images", {}), ("describe_images", {}),
    ("batch_get_image", {"imageIds": [{"imageTag": "x"}]}), ("batch_delete_image", {"imageIds": [{"imageTag": "x"}]})))
def test_operations_on_a_repository_that_does_not_exist(ecr, operation, more):
    with Refused("RepositoryNotFoundException"):
        getattr(ecr, operation)(repositoryName="no/such/repository", **more)


def test_describe_repositories_pages(ecr):
    names = ["paged/%02d" % i for i in range(7)]
    for n in names:
        ecr.create_repository(repositoryName=n)
    for size in (1, 3, 1000):
        pages = list(ecr.get_paginator("describe_repositories").paginate(PaginationConfig={"PageSize": size}))
        found = [x["repositoryName"] for p in pages for x in p["repositories"]]
        assert [n for n in found if n.startswith("paged/")] == names
        assert len(found) == len(set(found))
        assert all(len(p["repositories"]) <= size for p in pages)
        assert all("nextToken" in p for p in pages[:-1]) and "nextToken" not in pages[-1]


@pytest.mark.parametrize("size", (0, 1001, -1))
def test_page_sizes_out_of_range(server, size):
    """Sent by hand: boto3 would refuse some of them itself."""
    reply = call(server, "ecr", "DescribeRepositories", json.dumps({"maxResults": size}).encode())
    assert (reply.status, reply.json()["__type"]) == (400, "InvalidParameterException")
    assert "maxResults" in reply.json()["message"]


def test_tags_of_a_repository_are_kept(ecr, name):
    tags = [{"Key": "team", "Value": "a"}, {"Key": "cost", "Value": ""}]
    arn = ecr.create_repository(repositoryName=name, tags=tags)["repository"]["repositoryArn"]
    try:
        found = ecr.list_tags_for_resource(resourceArn=arn)["tags"]
    except ClientError as e:
        assert e.response["Error"]["Code"] == "UnsupportedFeatureException"
        return
    assert sorted(found, key=str) == sorted(tags, key=str)


def test_regions_do_not_see_each_other(server, name):
    here, there = server.boto("ecr"), server.boto("ecr", region="eu-west-1")
    here.create_repository(repositoryName=name)
    with Refused("RepositoryNotFoundException"):
        there.describe_repositories(repositoryNames=[name])
    made = there.create_repository(repositoryName=name)["repository"]
    assert made["repositoryArn"] == "arn:aws:ecr:eu-west-1:000000000000:repository/" + name
    there.delete_repository(repositoryName=name)
    assert len(here.describe_repositories(repositoryNames=[name])["repositories"]) == 1


def test_region_in_the_host_name(server, http, name):
    """<account>.dkr.ecr.<region>.<anything> reaches that region's repository."""
    server.boto("ecr", region="eu-west-1").create_repository(repositoryName=name)
    host = "000000000000.dkr.ecr.eu-west-1.example.test:%d" % server.port
    c = Http(server.host_port, server.password())
    connection = c._connect()
    connection.putrequest("GET", "/v2/%s/tags/list" % name, skip_host=True)
    for k, v in (("Host", host), ("Authorization", c.authorization)):
        connection.putheader(k, v)
    connection.endheaders()
    assert connection.getresponse().status == 200
    c.close()
    assert http.get("/v2/%s/tags/list" % name).status == 404


# -- ECR: images

def test_images_of_a_repository(ecr, http, name):
    ecr.create_repository(repositoryName=name)
    one, body = push_image(http, name, "v1", "latest", size=1000)
    two, _ = push_image(http, name)
    listed = ecr.list_images(repositoryName=name)["imageIds"]
    assert sorted(map(json.dumps, listed)) == sorted(map(json.dumps, (
        {"imageDigest": one, "imageTag": "latest"}, {"imageDigest": one, "imageTag": "v1"}, {"imageDigest": two})))
    tagged = ecr.list_images(repositoryName=name, filter={"tagStatus": "TAGGED"})["imageIds"]
    assert {i["imageTag"] for i in tagged} == {"v1", "latest"}
    assert ecr.list_images(repositoryName=name, filter={"tagStatus": "UNTAGGED"})["imageIds"] == [{"imageDigest": two}]
    details = {d["imageDigest"]: d for d in ecr.describe_images(repositoryName=name)["imageDetails"]}
    assert set(details) == {one, two}
    assert sorted(details[one]["imageTags"]) == ["latest", "v1"]
    assert "imageTags" not in details[two]
    manifest = json.loads(body)
    assert details[one]["imageSizeInBytes"] in (1000, 1000 + manifest["config"]["size"])
    assert details[one]["imageManifestMediaType"] == images.OCI_MANIFEST
    assert details[one]["repositoryName"] == name and details[one]["registryId"] == r.ACCOUNT
    by_tag = ecr.describe_images(repositoryName=name, imageIds=[{"imageTag": "v1"}])["imageDetails"]
    assert [d["imageDigest"] for d in by_tag] == [one]
    with Refused("ImageNotFoundException"):
        ecr.describe_images(repositoryName=name, imageIds=[{"imageTag": "v2"}])


def test_batch_get_image(ecr, http, name):
    ecr.create_repository(repositoryName=name)
    digest, body = push_image(http, name, "v1")
    absent = images.digest(b"absent")
    out = ecr.batch_get_image(repositoryName=name, imageIds=[
        {"imageTag": "v1"}, {"imageDigest": digest}, {"imageTag": "nope"}, {"imageDigest": absent},
        {"imageTag": "v1", "imageDigest": absent}, {"imageDigest": "sha256:short"}])
    assert all(i["imageManifest"].encode() == body for i in out["images"])
    assert {"imageDigest": digest, "imageTag": "v1"} in [i["imageId"] for i in out["images"]]
    assert out["images"][0]["imageManifestMediaType"] == images.OCI_MANIFEST
    codes = {json.dumps(f["imageId"], sort_keys=True): f["failureCode"] for f in out["failures"]}
    assert codes[json.dumps({"imageTag": "nope"})] == "ImageNotFound"
    assert codes[json.dumps({"imageDigest": absent})] == "ImageNotFound"
    assert codes[json.dumps({"imageDigest": absent, "imageTag": "v1"}, sort_keys=True)] == "ImageTagDoesNotMatchDigest"
    assert codes[json.dumps({"imageDigest": "sha256:short"})] == "InvalidImageDigest"
    assert all(f["failureReason"] for f in out["failures"])


def test_batch_delete_image(ecr, http, name):
    ecr.create_repository(repositoryName=name)
    digest, _ = push_image(http, name, "v1", "v2")
    out = ecr.batch_delete_image(repositoryName=name, imageIds=[{"imageTag": "v1"}, {"imageTag": "nope"}])
    assert out["imageIds"] == [{"imageDigest": digest, "imageTag": "v1"}]
    assert [(f["failureCode"], f["imageId"]) for f in out["failures"]] == [("ImageNotFound", {"imageTag": "nope"})]
    assert http.get("/v2/%s/manifests/v1" % name).status == 404
    assert http.get("/v2/%s/manifests/v2" % name).status == 200
    out = ecr.batch_delete_image(repositoryName=name, imageIds=[{"imageDigest": digest}])
    assert {"imageDigest": digest, "imageTag": "v2"} in out["imageIds"] or {"imageDigest": digest} in out["imageIds"]
    assert http.get("/v2/%s/manifests/v2" % name).status == 404
    assert ecr.list_images(repositoryName=name)["imageIds"] == []


def test_deleting_the_last_tag_deletes_the_image(ecr, http, name):
    """As ECR does it: an image deleted by its last tag is gone."""
    ecr.create_repository(repositoryName=name)
    digest, _ = push_image(http, name, "only")
    ecr.batch_delete_image(repositoryName=name, imageIds=[{"imageTag": "only"}])
    assert http.get("/v2/%s/manifests/%s" % (name, digest)).status == 404


def test_image_of_a_list_cannot_be_deleted_alone(ecr, http, name):
    ecr.create_repository(repositoryName=name)
    digest, body = push_image(http, name)
    index = images.dump({"schemaVersion": 2, "mediaType": images.OCI_INDEX,
                         "manifests": [images.descriptor(images.OCI_MANIFEST, body)]})
    assert images.put_manifest(http, name, "list", index, images.OCI_INDEX).status == 201
    out = ecr.batch_delete_image(repositoryName=name, imageIds=[{"imageDigest": digest}])
    assert [f["failureCode"] for f in out["failures"]] == ["ImageReferencedByManifestList"]
    ecr.batch_delete_image(repositoryName=name, imageIds=[{"imageDigest": images.digest(index)}])
    assert ecr.batch_delete_image(repositoryName=name, imageIds=[{"imageDigest": digest}])["failures"] == []


def test_list_images_pages(ecr, http, name):
    ecr.create_repository(repositoryName=name)
    tags = ["t%d" % i for i in range(5)]
    push_image(http, name, *tags)
    for operation, key in (("list_images", "imageIds"), ("describe_images", "imageDetails")):
        push_image(http, name)
        pages = list(ecr.get_paginator(operation).paginate(repositoryName=name, PaginationConfig={"PageSize": 2}))
        assert all(len(p[key]) <= 2 for p in pages)
        found = [json.dumps(i, sort_keys=True, default=str) for p in pages for i in p[key]]
        assert len(found) == len(set(found))
        if operation == "list_images":
            assert {i.get("imageTag") for p in pages for i in p[key]} == set(tags) | {None}


def test_authorization_token(server, ecr):
    out = ecr.get_authorization_token()["authorizationData"][0]
    left = out["expiresAt"] - datetime.datetime.now(datetime.timezone.utc)
    assert datetime.timedelta(hours=11, minutes=59) < left <= datetime.timedelta(hours=12, seconds=5)
    assert out["proxyEndpoint"] == server.endpoint
    with Http(server.host_port) as h:
        reply = h.get("/v2/", {"Authorization": "Basic " + out["authorizationToken"]})
        assert reply.status == 200


# -- ECS without containers

CONTAINER = {"name": "main", "image": "busybox", "memory": 64}


def register(ecs, family, **more):
    container = dict(CONTAINER, **more.pop("container", {}))
    return ecs.register_task_definition(family=family, containerDefinitions=[container], **more)["taskDefinition"]


def test_task_definition_comes_back_as_it_was_given(ecs, name):
    given = dict(
        family=name, networkMode="bridge", cpu="256", memory="512", requiresCompatibilities=["EC2"],
        volumes=[{"name": "data", "host": {"sourcePath": "/srv/data"}}, {"name": "scratch"}],
        containerDefinitions=[
            {"name": "main", "image": "127.0.0.1:1/app:v1", "cpu": 128, "memory": 256, "memoryReservation": 128,
             "essential": True, "command": ["a", "b"], "entryPoint": ["/bin/sh"], "workingDirectory": "/srv", "user": "1000:1000",
             "environment": [{"name": "A", "value": "1"}, {"name": "E", "value": ""}],
             "portMappings": [{"containerPort": 80, "hostPort": 0, "protocol": "tcp"}],
             "dependsOn": [{"containerName": "init", "condition": "SUCCESS"}],
             "mountPoints": [{"sourceVolume": "data", "containerPath": "/data", "readOnly": True}],
             "ulimits": [{"name": "nofile", "softLimit": 100, "hardLimit": 200}], "stopTimeout": 5,
             "readonlyRootFilesystem": True,
             "healthCheck": {"command": ["CMD-SHELL", "true"], "interval": 5, "timeout": 2, "retries": 1, "startPeriod": 0}},
            {"name": "init", "image": "busybox", "memory": 16, "essential": False, "command": ["true"]}])
    made = ecs.register_task_definition(**given)["taskDefinition"]
    assert made["taskDefinitionArn"] == "arn:aws:ecs:us-east-1:000000000000:task-definition/%s:1" % name
    assert (made["revision"], made["status"]) == (1, "ACTIVE")
    for key, value in given.items():
        if key == "containerDefinitions":
            for mine, theirs in zip(value, made[key]):
                for k, v in mine.items():
                    assert theirs[k] == v, k
        elif key == "volumes":
            assert [v["name"] for v in made[key]] == ["data", "scratch"]
            assert made[key][0]["host"] == {"sourcePath": "/srv/data"}
        else:
            assert made[key] == value, key
    for reference in (name, name + ":1", made["taskDefinitionArn"]):
        assert ecs.describe_task_definition(taskDefinition=reference)["taskDefinition"] == made


def test_revisions_count_up_and_are_never_used_again(ecs, name):
    assert [register(ecs, name)["revision"] for _ in range(3)] == [1, 2, 3]
    gone = ecs.deregister_task_definition(taskDefinition=name + ":3")["taskDefinition"]
    assert gone["status"] == "INACTIVE" and gone["deregisteredAt"]
    assert ecs.describe_task_definition(taskDefinition=name)["taskDefinition"]["revision"] == 2
    assert register(ecs, name)["revision"] == 4
    prefix = "arn:aws:ecs:us-east-1:000000000000:task-definition/%s:" % name
    active = ecs.list_task_definitions(familyPrefix=name)["taskDefinitionArns"]
    assert active == [prefix + n for n in "124"]
    assert ecs.list_task_definitions(familyPrefix=name, sort="DESC")["taskDefinitionArns"] == active[::-1]
    assert ecs.list_task_definitions(familyPrefix=name, status="INACTIVE")["taskDefinitionArns"] == [prefix + "3"]


def test_list_task_definitions_pages(ecs, name):
    for _ in range(12):
        register(ecs, name)
    pages = list(ecs.get_paginator("list_task_definitions").paginate(familyPrefix=name, PaginationConfig={"PageSize": 5}))
    assert [len(p["taskDefinitionArns"]) for p in pages] == [5, 5, 2]
    revisions = [int(a.rsplit(":", 1)[1]) for p in pages for a in p["taskDefinitionArns"]]
    assert revisions == list(range(1, 13))


def test_unknown_task_definition(ecs):
    for operation in ("describe_task_definition", "deregister_task_definition"):
        with Refused("ClientException"):
            getattr(ecs, operation)(taskDefinition="never-registered:1")


@pytest.mark.parametrize("change, words", (
    ({"container": {"memory": None}}, "At least one of 'memory' or 'memoryReservation' must be specified"),
    ({"container": {"memory": 5}}, "memory"),
    ({"container": {"memory": 64, "memoryReservation": 128}}, "memory"),
    ({"container": {"essential": False}}, "essential"),
    ({"container": {"name": "with space"}}, "name"),
    ({"container": {"portMappings": [{"containerPort": 70000}]}}, "ort"),
    ({"networkMode": "host", "container": {"portMappings": [{"containerPort": 80, "hostPort": 81}]}}, "ort"),
    ({"networkMode": "none", "container": {"portMappings": [{"containerPort": 80}]}}, "ort"),
    ({"container": {"dependsOn": [{"containerName": "ghost", "condition": "START"}]}}, "ghost"),
    ({"container": {"dependsOn": [{"containerName": "main", "condition": "START"}]}}, "main"),
    ({"container": {"mountPoints": [{"sourceVolume": "ghost", "containerPath": "/x"}]}}, "ghost"),
    ({"container": {"healthCheck": {"command": ["true"]}}}, "CMD"),
    ({"volumes": [{"name": "v", "host": {"sourcePath": "relative"}}]}, "sourcePath"),
    ({"cpu": "abc"}, "cpu"),
))
def test_bad_task_definitions_name_what_is_wrong(ecs, name, change, words):
    change = dict(change)
    container = {k: v for k, v in dict(CONTAINER, **change.pop("container", {})).items() if v is not None}
    try:
        ecs.register_task_definition(family=name, containerDefinitions=[container], **change)
    except ClientError as e:
        assert e.response["Error"]["Code"] in ("ClientException", "InvalidParameterException"), e
        assert words in e.response["Error"]["Message"], e
    else:
        raise AssertionError("accepted")
    assert ecs.list_task_definitions(familyPrefix=name)["taskDefinitionArns"] == []


@pytest.mark.parametrize("more", (
    {"container": {"resourceRequirements": [{"type": "GPU", "value": "1"}]}},
    {"container": {"firelensConfiguration": {"type": "fluentd"}}}))
def test_what_would_change_the_task_and_is_not_implemented_is_refused_by_name(ecs, name, more):
    words = list(more["container"])[0]
    try:
        register(ecs, name, **{k: dict(v) if isinstance(v, dict) else v for k, v in more.items()})
    except ClientError as e:
        assert words in e.response["Error"]["Message"], e
    else:
        raise AssertionError("accepted")


def test_default_cluster_exists(ecs):
    out = ecs.describe_clusters()
    assert [c["clusterArn"] for c in out["clusters"]] == ["arn:aws:ecs:us-east-1:000000000000:cluster/default"]
    assert out["clusters"][0]["status"] == "ACTIVE"
    missing = ecs.describe_clusters(clusters=["default", "ghost"])
    assert len(missing["clusters"]) == 1
    assert missing["failures"] == [{"arn": "arn:aws:ecs:us-east-1:000000000000:cluster/ghost", "reason": "MISSING"}]


def test_run_task_without_an_instance(ecs, name):
    """As ECS: no instance in the cluster is an error, and nothing is made."""
    register(ecs, name)
    try:
        out = ecs.run_task(taskDefinition=name)
    except ClientError as e:
        assert e.response["Error"]["Code"] == "InvalidParameterException"
        assert "No Container Instances were found in your cluster." in e.response["Error"]["Message"]
    else:
        assert out["tasks"] == [] and out["failures"]
    assert ecs.list_tasks(family=name)["taskArns"] == []


def test_run_task_of_what_is_not_there(ecs):
    with Refused("ClientException"):
        ecs.run_task(taskDefinition="never-registered")
    with Refused("ClusterNotFoundException"):
        ecs.run_task(taskDefinition="never-registered", cluster="ghost")


def test_describe_tasks_that_are_missing(ecs):
    arn = "arn:aws:ecs:us-east-1:000000000000:task/default/" + "0" * 32
    out = ecs.describe_tasks(tasks=["0" * 32])
    assert out["tasks"] == []
    assert [(f["arn"], f["reason"]) for f in out["failures"]] == [(arn, "MISSING")]
    with pytest.raises(WaiterError):
        ecs.get_waiter("tasks_running").wait(tasks=[arn], WaiterConfig={"Delay": 1, "MaxAttempts": 1})
    with Refused("InvalidParameterException"):
        ecs.stop_task(task=arn)


def test_no_container_instances(ecs):
    assert ecs.list_container_instances()["containerInstanceArns"] == []
    out = ecs.describe_container_instances(containerInstances=["0" * 32])
    assert out["failures"][0]["reason"] == "MISSING"


# -- identities

def test_plain_user_may_nothing(server, name):
    key = server.add_user(name)
    arn = "arn:aws:iam::000000000000:user/" + name
    ecr, ecs = server.boto("ecr", key), server.boto("ecs", key)
    calls = (
        (lambda: ecr.create_repository(repositoryName="mine"), "ecr:CreateRepository", "repository/mine"),
        (lambda: ecr.describe_repositories(), "ecr:DescribeRepositories", "repository/*"),
        (lambda: ecr.delete_repository(repositoryName="mine"), "ecr:DeleteRepository", "repository/mine"),
        (lambda: ecr.list_images(repositoryName="mine"), "ecr:ListImages", "repository/mine"),
        (lambda: ecr.batch_get_image(repositoryName="mine", imageIds=[{"imageTag": "a"}]), "ecr:BatchGetImage", "repository/mine"),
        (lambda: register(ecs, "mine"), "ecs:RegisterTaskDefinition", ""),
        (lambda: ecs.run_task(taskDefinition="mine"), "ecs:RunTask", "task-definition/mine"),
        (lambda: ecs.list_tasks(), "ecs:ListTasks", ""),
        (lambda: ecs.describe_clusters(), "ecs:DescribeClusters", "cluster/default"),
        (lambda: ecs.stop_task(task="0" * 32), "ecs:StopTask", "task/default/"),
    )
    for attempt, action, resource in calls:
        with Refused("AccessDeniedException") as e:
            attempt()
        assert e.message.startswith("User: %s is not authorized to perform: %s on resource: " % (arn, action)), e.message
        assert resource in e.message
        assert e.message.endswith("because no identity-based policy allows the %s action" % action)
    server.slipway("user", "delete", name)


def test_plain_user_on_v2_is_denied(server, repository, name):
    """403 DENIED where the caller is known, whether the repository exists or not."""
    key = server.add_user(name)
    try:
        password = server.password(key)
    except ClientError as e:
        assert e.response["Error"]["Code"] == "AccessDeniedException"  # a user without policies cannot log in at all
        return
    with Http(server.host_port, password) as h:
        assert h.get("/v2/").status == 200
        for repo in (repository, "no-such"):
            for method, path in (("GET", "tags/list"), ("GET", "manifests/v1"), ("PUT", "manifests/v1"),
                                 ("POST", "blobs/uploads/"), ("GET", "blobs/" + images.digest(b"x"))):
                reply = h.request(method, "/v2/%s/%s" % (repo, path), b"{}" if method in ("PUT", "POST") else None,
                                  {"Content-Type": images.OCI_MANIFEST})
                assert (reply.status, reply.code()) == (403, "DENIED"), reply
                assert "is not authorized to perform: ecr:" in reply.json()["errors"][0]["message"]
    server.slipway("user", "delete", name)


def test_token_and_key_of_a_deleted_user_are_refused(server, ecr):
    """A user whose token was issued and who was deleted since: 401, at once."""
    key = server.add_user("leaver")
    client = server.boto("ecr", key)
    token = None
    try:
        token = client.get_authorization_token()["authorizationData"][0]["authorizationToken"]
    except ClientError as e:
        assert e.response["Error"]["Code"] == "AccessDeniedException"
    server.slipway("user", "delete", "leaver")
    with Refused("UnrecognizedClientException"):
        client.describe_repositories()
    if token:
        with Http(server.host_port) as h:
            reply = h.get("/v2/", {"Authorization": "Basic " + token})
            assert (reply.status, reply.code()) == (401, "UNAUTHORIZED")


def test_user_commands(server, name):
    assert name not in server.slipway("user", "list").stdout
    given = ("AKIAEXAMPLE" + name.upper().zfill(9), "secret-of-" + name)
    server.slipway("user", "add", name, "--access-key-id", given[0], "--secret-access-key", given[1])
    listed = [line.split() for line in server.slipway("user", "list").stdout.splitlines()]
    assert [name, "user", "arn:aws:iam::000000000000:user/" + name] in listed
    assert any(line[0] == "admin" for line in listed)
    with Refused("AccessDeniedException"):
        server.boto("ecr", given).describe_repositories()
    again = server.slipway("user", "add", name, check=False)
    assert again.returncode == 1 and "exist" in again.stderr
    server.slipway("user", "delete", name)
    gone = server.slipway("user", "delete", name, check=False)
    assert gone.returncode == 1 and name in gone.stderr


def test_credentials_are_private(server):
    assert os.stat(server.credentials_file).st_mode & 0o777 == 0o600
    assert os.stat(os.path.join(server.data, "master.key")).st_mode & 0o777 == 0o600
    secret = server.admin[1].encode()
    for folder, _, files in os.walk(server.data):
        for f in files:
            path = os.path.join(folder, f)
            if f != "credentials" and os.path.isfile(path):
                with open(path, "rb") as stream:
                    assert secret not in stream.read(), path
    with open(server.log, "rb") as f:
        assert secret not in f.read()
