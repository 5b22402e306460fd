# SPDX-License-Identifier: Apache-2.0
# ctest-cost: 15
"""Lifecycle policies through boto3 and the AWS CLI: what is refused, previews, runs, what is in use, what a pull means."""
import json
import os
import time

import pytest
from botocore.exceptions import ClientError

from support import images
from support import run as r
from support.aws import call
from support.server import Server

QUICK = {"Delay": 1, "MaxAttempts": 80}


@pytest.fixture(scope="module")
def server():
    """Policies run at once, and again every second."""
    s = Server("serve", env={"SLIPWAY_LIFECYCLE_DELAY": "0s", "SLIPWAY_LIFECYCLE_INTERVAL": "1s"})
    try:
        yield s.start()
    finally:
        s.close()


@pytest.fixture(scope="module")
def slow_server():
    """Policies run after a minute: time to look."""
    s = Server("serve")
    try:
        yield s.start()
    finally:
        s.close()


def rule(priority, status, count_type="imageCountMoreThan", number=1, **more):
    selection = dict({"tagStatus": status, "countType": count_type, "countNumber": number}, **more)
    if count_type != "imageCountMoreThan":
        selection["countUnit"] = "days"
    return {"rulePriority": priority, "description": "r%d" % priority, "selection": selection, "action": {"type": "expire"}}


def policy(*rules):
    return json.dumps({"rules": list(rules)})


def push(server, repository, tags, manifest=None):
    """A manifest that is new, under each of the tags, or under its digest alone; its digest."""
    with server.http() as http:
        config = images.push_blob(http, repository, os.urandom(16).hex().encode())
        doc = manifest or {"schemaVersion": 2, "mediaType": images.OCI_MANIFEST, "layers": [],
                           "config": {"mediaType": "application/vnd.oci.image.config.v1+json", "digest": config, "size": 32}}
        data = images.dump(doc)
        for reference in tags or [images.digest(data)]:
            assert images.put_manifest(http, repository, reference, data, doc["mediaType"]).status == 201
    return images.digest(data)


def left(ecr, repository):
    return {i["imageDigest"] for i in ecr.list_images(repositoryName=repository, maxResults=1000)["imageIds"]}


def evaluated(ecr, repository):
    """Waits for a run that began after now."""
    since = time.time()

    def look():
        at = ecr.get_lifecycle_policy(repositoryName=repository).get("lastEvaluatedAt")
        return at is not None and at.timestamp() > since
    r.wait_for(look, 20, 0.1, "run of the policy")


# -- policies

def test_put_get_delete(slow_server, name):
    ecr = slow_server.boto("ecr")
    slow_server.create_repository(name)
    text = policy(rule(1, "any"))
    with pytest.raises(ecr.exceptions.LifecyclePolicyNotFoundException):
        ecr.get_lifecycle_policy(repositoryName=name)
    out = ecr.put_lifecycle_policy(repositoryName=name, lifecyclePolicyText=text)
    assert (out["repositoryName"], out["lifecyclePolicyText"]) == (name, text)
    got = ecr.get_lifecycle_policy(repositoryName=name)
    assert got["lifecyclePolicyText"] == text and "lastEvaluatedAt" not in got
    assert ecr.delete_lifecycle_policy(repositoryName=name)["lifecyclePolicyText"] == text
    with pytest.raises(ecr.exceptions.LifecyclePolicyNotFoundException):
        ecr.delete_lifecycle_policy(repositoryName=name)
    with pytest.raises(ecr.exceptions.RepositoryNotFoundException):
        ecr.put_lifecycle_policy(repositoryName="no/such", lifecyclePolicyText=text)


@pytest.mark.parametrize("text, code, message", [
    ("{" + " " * 100, "InvalidParameterException", "LifecyclePolicyText"),
    (policy(rule(1, "any"), rule(1, "untagged")), "InvalidParameterException", "given twice"),
    (policy(rule(1, "any"), rule(2, "untagged")), "InvalidParameterException", "highest"),
    (policy(rule(1, "tagged")), "InvalidParameterException", "tagPatternList"),
    (policy(rule(1, "tagged", tagPatternList=["*a*b*c*d*"])), "InvalidParameterException", "wildcards"),
    (policy(dict(rule(1, "any", "sinceImagePulled"), action={"type": "transition", "targetStorageClass": "archive"})),
     "UnsupportedFeatureException", "archive"),
])
def test_refused_with_the_reason_and_nothing_changes(slow_server, name, text, code, message):
    ecr = slow_server.boto("ecr")
    slow_server.create_repository(name)
    for operation in (ecr.put_lifecycle_policy, ecr.start_lifecycle_policy_preview):
        with pytest.raises(ClientError) as e:
            operation(repositoryName=name, lifecyclePolicyText=text)
        assert e.value.response["Error"]["Code"] == code
        assert message in e.value.response["Error"]["Message"]
    with pytest.raises(ecr.exceptions.LifecyclePolicyNotFoundException):
        ecr.get_lifecycle_policy(repositoryName=name)


def test_a_long_text_is_refused(slow_server, name):
    slow_server.create_repository(name)
    text = policy(*[dict(rule(i, "tagged", tagPrefixList=["p%d" % i]), description="d" * 1000) for i in range(1, 40)])
    with pytest.raises(ClientError) as e:
        slow_server.boto("ecr").put_lifecycle_policy(repositoryName=name, lifecyclePolicyText=text)
    assert e.value.response["Error"]["Code"] == "InvalidParameterException"
    assert "30720" in e.value.response["Error"]["Message"]


# -- previews

def test_preview_with_its_waiter_filter_and_pages(slow_server, name):
    ecr = slow_server.boto("ecr")
    slow_server.create_repository(name)
    digests = [push(slow_server, name, ["v%d" % i]) for i in range(5)]
    untagged = push(slow_server, name, [])
    with pytest.raises(ecr.exceptions.LifecyclePolicyPreviewNotFoundException):
        ecr.get_lifecycle_policy_preview(repositoryName=name)
    with pytest.raises(ecr.exceptions.LifecyclePolicyNotFoundException):
        ecr.start_lifecycle_policy_preview(repositoryName=name)
    text = policy(rule(3, "any"))
    assert ecr.start_lifecycle_policy_preview(repositoryName=name, lifecyclePolicyText=text)["status"] == "IN_PROGRESS"
    ecr.get_waiter("lifecycle_policy_preview_complete").wait(repositoryName=name, WaiterConfig=QUICK)
    out = ecr.get_lifecycle_policy_preview(repositoryName=name)
    assert out["status"] == "COMPLETE" and out["summary"] == {"expiringImageTotalCount": 5}
    assert [i["imageDigest"] for i in out["previewResults"]] == digests
    first = out["previewResults"][0]
    assert first["imageTags"] == ["v0"] and first["appliedRulePriority"] == 3 and first["action"] == {"type": "EXPIRE"}
    pages = ecr.get_paginator("get_lifecycle_policy_preview").paginate(repositoryName=name, PaginationConfig={"PageSize": 2})
    assert [i["imageDigest"] for p in pages for i in p["previewResults"]] == digests
    only = ecr.get_lifecycle_policy_preview(repositoryName=name, imageIds=[{"imageTag": "v3"}, {"imageDigest": untagged},
                                                                           {"imageTag": "none"}])
    assert [i["imageDigest"] for i in only["previewResults"]] == [digests[3]]
    assert ecr.get_lifecycle_policy_preview(repositoryName=name, filter={"tagStatus": "UNTAGGED"})["previewResults"] == []
    with pytest.raises(ecr.exceptions.InvalidParameterException):
        ecr.get_lifecycle_policy_preview(repositoryName=name, nextToken="nonsense")
    assert left(ecr, name) == set(digests) | {untagged}


def test_preview_through_the_aws_cli(slow_server, name):
    slow_server.create_repository(name)
    push(slow_server, name, ["a"])
    push(slow_server, name, ["b"])
    slow_server.aws("ecr", "put-lifecycle-policy", "--repository-name", name, "--lifecycle-policy-text", policy(rule(1, "any")))
    slow_server.aws("ecr", "start-lifecycle-policy-preview", "--repository-name", name)
    slow_server.aws("ecr", "wait", "lifecycle-policy-preview-complete", "--repository-name", name)
    out = slow_server.aws("ecr", "get-lifecycle-policy-preview", "--repository-name", name)
    assert [i["imageTags"] for i in out["previewResults"]] == [["a"]]


# -- runs

def test_expires_the_oldest_and_says_so_in_the_audit_log(server, name):
    ecr = server.boto("ecr")
    server.create_repository(name)
    old = push(server, name, ["v1", "first"])
    new = push(server, name, ["v2"])
    ecr.put_lifecycle_policy(repositoryName=name, lifecyclePolicyText=policy(rule(7, "tagged", tagPatternList=["v*"])))
    evaluated(ecr, name)
    assert left(ecr, name) == {new}
    with server.http() as http:
        assert http.head("/v2/%s/manifests/%s" % (name, old)).status == 404
        assert http.head("/v2/%s/manifests/v1" % name).status == 404
    with open(os.path.join(server.data, "audit.log"), encoding="utf-8") as f:
        lines = [json.loads(x) for x in f if old in x and "lifecycle" in x]
    assert len(lines) == 1
    assert lines[0]["principal"] == "slipway" and lines[0]["action"] == "ecr:BatchDeleteImage"
    assert lines[0]["resource"].endswith("repository/" + name)
    assert "rule 7" in lines[0]["why"] and "first, v1" in lines[0]["why"]


def test_an_index_keeps_its_children_and_a_subject_its_referrers(server, name):
    ecr = server.boto("ecr")
    server.create_repository(name)
    push(server, name, [])
    child = push(server, name, [])
    with server.http() as http:
        size = len(http.request("GET", "/v2/%s/manifests/%s" % (name, child)).body)
    index = push(server, name, ["v1"], {"schemaVersion": 2, "mediaType": images.OCI_INDEX, "manifests": [
        {"mediaType": images.OCI_MANIFEST, "digest": child, "size": size}]})
    signature = push(server, name, [], {"schemaVersion": 2, "mediaType": images.OCI_INDEX, "manifests": [],
                                        "subject": {"mediaType": images.OCI_INDEX, "digest": index, "size": 3}})
    newest = push(server, name, ["v2"])
    ecr.put_lifecycle_policy(repositoryName=name, lifecyclePolicyText=policy(rule(1, "any", number=2)))
    evaluated(ecr, name)
    assert left(ecr, name) == {child, index, signature, newest}
    ecr.put_lifecycle_policy(repositoryName=name, lifecyclePolicyText=policy(rule(1, "any", number=1)))
    evaluated(ecr, name)
    assert left(ecr, name) == {newest}


def test_a_registered_task_definition_holds_its_image(server, name):
    ecr, ecs = server.boto("ecr"), server.boto("ecs")
    server.create_repository(name)
    held = push(server, name, ["v1"])
    gone = push(server, name, ["v2"])
    newest = push(server, name, ["v3"])
    arn = ecs.register_task_definition(family=name, containerDefinitions=[
        {"name": "main", "image": "%s/%s:v1" % (server.host_port, name), "memory": 64}])["taskDefinition"]["taskDefinitionArn"]
    text = policy(rule(1, "any"))
    path = os.path.join(server.home, "policy.json")
    with open(path, "w", encoding="utf-8") as f:
        f.write(text)
    lines = server.slipway("lifecycle", "preview", name, "--policy", path).stdout.splitlines()
    assert len(lines) == 3
    assert lines[0].startswith("EXPIRE rule 1") and gone in lines[0] and "tags v2" in lines[0]
    assert lines[1].startswith("KEEP") and held in lines[1] and "used by task definition " + arn in lines[1]
    assert lines[2] == "1 of 3 images expire; 1 that a rule selects stay because they are in use"
    ecr.put_lifecycle_policy(repositoryName=name, lifecyclePolicyText=text)
    evaluated(ecr, name)
    assert left(ecr, name) == {held, newest}
    ecs.deregister_task_definition(taskDefinition=arn)
    evaluated(ecr, name)
    assert left(ecr, name) == {newest}


def test_run_now(slow_server, name):
    ecr = slow_server.boto("ecr")
    slow_server.create_repository(name)
    push(slow_server, name, ["v1"])
    newest = push(slow_server, name, ["v2"])
    out = slow_server.slipway("lifecycle", "run", name, check=False)
    assert out.returncode == 1 and "Lifecycle policy does not exist" in out.stderr
    ecr.put_lifecycle_policy(repositoryName=name, lifecyclePolicyText=policy(rule(1, "any")))
    slow_server.slipway("lifecycle", "run", name)
    r.wait_for(lambda: left(ecr, name) == {newest}, 10, 0.1, "run that was asked for")


def test_a_pull_is_recorded_a_look_is_not(server, name):
    server.create_repository(name)
    push(server, name, ["v1"])
    push(server, name, ["v2"])
    with server.http() as http:
        assert http.request("GET", "/v2/%s/manifests/v1" % name).status == 200
        assert http.head("/v2/%s/manifests/v2" % name).status == 200

    def detail(tag):  # by hand: Debian's model does not know the member
        body = json.dumps({"repositoryName": name, "imageIds": [{"imageTag": tag}]}).encode()
        return call(server, "ecr", "DescribeImages", body).json()["imageDetails"][0]
    r.wait_for(lambda: "lastRecordedPullTime" in detail("v1"), 15, 0.2, "time of the pull")
    assert abs(detail("v1")["lastRecordedPullTime"] - time.time()) < 60
    assert "lastRecordedPullTime" not in detail("v2")


def test_pulls_of_an_excluded_principal_are_not_recorded(server, name):
    server.create_repository(name)
    push(server, name, ["v1"])
    push(server, name, ["v2"])
    arn = json.dumps({"principalArn": "arn:aws:iam::000000000000:user/admin"}).encode()
    assert call(server, "ecr", "RegisterPullTimeUpdateExclusion", arn).status == 200
    with server.http() as http:
        assert http.request("GET", "/v2/%s/manifests/v1" % name).status == 200
        assert call(server, "ecr", "DeregisterPullTimeUpdateExclusion", arn).status == 200
        assert http.request("GET", "/v2/%s/manifests/v2" % name).status == 200

    def pulled():
        out = call(server, "ecr", "DescribeImages", json.dumps({"repositoryName": name}).encode()).json()["imageDetails"]
        return {d["imageTags"][0] for d in out if "lastRecordedPullTime" in d}
    r.wait_for(pulled, 15, 0.2, "time of the pull")
    assert pulled() == {"v2"}


def test_pushes_beside_runs_lose_nothing(server, name):
    """Policies run every second while tags are pushed; the newest three of them are always there afterwards."""
    ecr = server.boto("ecr")
    server.create_repository(name)
    ecr.put_lifecycle_policy(repositoryName=name, lifecyclePolicyText=policy(rule(1, "any", number=3)))
    digests = []
    end = time.monotonic() + 6
    while time.monotonic() < end:
        digests.append(push(server, name, ["v%d" % len(digests)]))
        assert set(digests[-3:]) <= left(ecr, name)
    evaluated(ecr, name)
    assert left(ecr, name) == set(digests[-3:])
