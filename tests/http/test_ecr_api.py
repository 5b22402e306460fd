# SPDX-License-Identifier: Apache-2.0
"""The rest of ECR's private API through boto3 and the AWS CLI: policies, tag mutability, layers in parts, download addresses,
creation templates, settings, referrers, and what is refused by name. Replies are checked against the service's model where Debian's
has the operation, and by the server against its own tables."""
import hashlib
import json
import os
import urllib.error
import urllib.request

import pytest
from botocore.exceptions import ClientError

from support import images
from support import run as r
from support.aws import call, signed_headers
from support.rawhttp import Http
from support.server import Server

ALLOW_ALL = {"Version": "2012-10-17", "Statement": [
    {"Sid": "all", "Effect": "Allow", "Principal": "*", "Action": ["ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"]}]}
MIB = 1024 * 1024


@pytest.fixture(scope="module")
def ecr(server):
    return server.boto("ecr")


@pytest.fixture(scope="module")
def http(server):
    with server.http() as h:
        yield h


@pytest.fixture
def repo(ecr, name):
    ecr.create_repository(repositoryName=name)
    return name


class Refused:
    """with Refused("Name") as e: ...; then e.message and e.response."""

    def __init__(self, name):
        self.name, self.message, self.response = name, None, None

    def __enter__(self):
        return self

    def __exit__(self, kind, error, trace):
        assert isinstance(error, ClientError), "not refused: %r" % error
        assert error.response["Error"]["Code"] == self.name, error
        self.response = error.response
        self.message = error.response["Error"]["Message"]
        return True


def post(server, operation, service="ecr", **members):
    """An operation that Debian's model does not have."""
    reply = call(server, service, operation, json.dumps(members).encode())
    assert reply.status == 200, reply
    return reply.json()


def refused(server, operation, error, service="ecr", **members):
    reply = call(server, service, operation, json.dumps(members).encode())
    assert (reply.status, reply.json()["__type"]) == (400, error), reply
    return reply.json()["message"]


def small_image(salt="x"):
    config = images.dump({"architecture": "amd64", "os": "linux", "x": salt})
    layer = hashlib.sha256(salt.encode()).digest()
    manifest = images.dump({"schemaVersion": 2, "mediaType": images.OCI_MANIFEST,
                            "config": images.descriptor(images.OCI_CONFIG, config),
                            "layers": [images.descriptor(images.OCI_GZIP, layer)]})
    return manifest, (config, layer)


def push(http, repository, tag, salt="x"):
    manifest, blobs = small_image(salt)
    for b in blobs:
        images.push_blob(http, repository, b)
    return images.put_manifest(http, repository, tag, manifest), images.digest(manifest), manifest.decode()


def push_status(http, repository):
    """What the first request of a push is answered."""
    return http.request("POST", "/v2/%s/blobs/uploads/" % repository).status


# -- repository and registry policies

def test_repository_policy_is_kept_as_it_was_given(ecr, repo):
    text = json.dumps(ALLOW_ALL, indent=2) + "\n"
    with Refused("RepositoryPolicyNotFoundException") as e:
        ecr.get_repository_policy(repositoryName=repo)
    assert "Repository policy does not exist" in e.message
    with Refused("RepositoryPolicyNotFoundException"):
        ecr.delete_repository_policy(repositoryName=repo)
    made = ecr.set_repository_policy(repositoryName=repo, policyText=text)
    assert made["policyText"] == text and made["repositoryName"] == repo and made["registryId"] == r.ACCOUNT
    assert ecr.get_repository_policy(repositoryName=repo)["policyText"] == text
    assert ecr.delete_repository_policy(repositoryName=repo)["policyText"] == text
    with Refused("RepositoryPolicyNotFoundException"):
        ecr.get_repository_policy(repositoryName=repo)


@pytest.mark.parametrize("text, told", (
    ("{", "line 1"), ("[]", "repository policy"), ("{}", "repository policy"),
    ('{"Version":"2012-10-17","Statement":[{"Effect":"Perhaps","Principal":"*","Action":"ecr:*"}]}', "Effect must be"),
    ('{"Version":"2012-10-17",\n"Statement":[{"Effect":"Allow","Action":"ecr:*"}]}', "line 2")))
def test_malformed_repository_policies(ecr, repo, text, told):
    with Refused("InvalidParameterException") as e:
        ecr.set_repository_policy(repositoryName=repo, policyText=text)
    assert told in e.message, e.message
    with Refused("RepositoryPolicyNotFoundException"):
        ecr.get_repository_policy(repositoryName=repo)


def test_principals_of_a_policy_must_exist(server, ecr, repo):
    def policy(*arns):
        return json.dumps({"Version": "2012-10-17", "Statement": [
            {"Effect": "Allow", "Principal": {"AWS": list(arns)}, "Action": "ecr:BatchGetImage"}]})
    nobody = "arn:aws:iam::000000000000:user/nobody-here"
    for operation, members in (("SetRepositoryPolicy", {"repositoryName": repo}), ("PutRegistryPolicy", {})):
        told = refused(server, operation, "InvalidParameterException", policyText=policy(nobody), **members)
        assert "Principal not found: " + nobody in told
    server.add_user("somebody")
    ecr.set_repository_policy(repositoryName=repo, policyText=policy(
        "arn:aws:iam::000000000000:user/somebody", "arn:aws:iam::999999999999:role/elsewhere", "000000000000",
        "arn:aws:iam::000000000000:root"))


def test_policy_size(server, ecr, repo):
    big = dict(ALLOW_ALL, Id="i" * (10240 - len(json.dumps(dict(ALLOW_ALL, Id="")))))
    text = json.dumps(big)
    assert len(text) == 10240
    assert ecr.set_repository_policy(repositoryName=repo, policyText=text)["policyText"] == text
    told = refused(server, "SetRepositoryPolicy", "InvalidParameterException", repositoryName=repo, policyText=text + " ")
    assert "policyText" in told


def test_a_policy_that_locks_its_author_out_needs_force(ecr, repo):
    text = json.dumps({"Version": "2012-10-17", "Statement": [
        {"Effect": "Deny", "Principal": "*", "Action": "ecr:SetRepositoryPolicy"}]})
    with Refused("InvalidParameterException") as e:
        ecr.set_repository_policy(repositoryName=repo, policyText=text)
    assert "prevent you" in e.message
    assert ecr.set_repository_policy(repositoryName=repo, policyText=text, force=True)["policyText"] == text


def test_policies_survive_a_restart():
    s = Server().start()
    try:
        text = json.dumps(ALLOW_ALL)
        s.create_repository("kept")
        s.boto("ecr").set_repository_policy(repositoryName="kept", policyText=text)
        s.boto("ecr").put_registry_policy(policyText=text)
        s.stop()
        s.start()
        assert s.boto("ecr").get_repository_policy(repositoryName="kept")["policyText"] == text
        assert s.boto("ecr").get_registry_policy()["policyText"] == text
        with s.http() as h:
            assert push(h, "kept", "v1")[0].status in (201, 403)  # opens with its policy
    finally:
        s.close()


def test_registry_policy(ecr):
    text = json.dumps({"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::111111111111:root"}, "Action": "ecr:ReplicateImage",
         "Resource": "arn:aws:ecr:us-east-1:000000000000:repository/*"}]})
    with Refused("RegistryPolicyNotFoundException"):
        ecr.get_registry_policy()
    with Refused("RegistryPolicyNotFoundException"):
        ecr.delete_registry_policy()
    assert ecr.put_registry_policy(policyText=text) ["policyText"] == text
    assert ecr.get_registry_policy()["policyText"] == text
    with Refused("InvalidParameterException"):
        ecr.put_registry_policy(policyText="no policy")
    assert ecr.delete_registry_policy()["policyText"] == text


# -- tag mutability

def wild(*filters):
    return [{"filterType": "WILDCARD", "filter": f} for f in filters]


def test_mutability_with_exclusions_on_every_path(server, ecr, http, name):
    made = post(server, "CreateRepository", repositoryName=name, imageTagMutability="IMMUTABLE_WITH_EXCLUSION",
                imageTagMutabilityExclusionFilters=wild("latest", "dev-*"))["repository"]
    assert made["imageTagMutability"] == "IMMUTABLE_WITH_EXCLUSION"
    assert made["imageTagMutabilityExclusionFilters"] == wild("latest", "dev-*")
    described = post(server, "DescribeRepositories", repositoryNames=[name])["repositories"][0]
    assert described["imageTagMutabilityExclusionFilters"] == wild("latest", "dev-*")
    for tag in ("v1", "latest", "dev-1"):
        assert push(http, name, tag, "one")[0].status == 201
        assert push(http, name, tag, "one")[0].status == 201  # the same again
    for tag, status in (("v1", 400), ("latest", 201), ("dev-1", 201)):
        reply, digest, manifest = push(http, name, tag, "two")
        assert reply.status == status, reply
        if status == 400:
            assert reply.code() == "TAG_INVALID"
            assert "'v1' already exists" in reply.json()["errors"][0]["message"]
            reply = http.request("PUT", "/v2/%s/manifests/%s?tag=v1" % (name, digest), manifest,
                                 {"Content-Type": images.OCI_MANIFEST})
            assert reply.status == 400 and reply.code() == "TAG_INVALID"
            with Refused("ImageTagAlreadyExistsException"):
                ecr.put_image(repositoryName=name, imageManifest=manifest, imageTag="v1")
    post(server, "PutImageTagMutability", repositoryName=name, imageTagMutability="MUTABLE_WITH_EXCLUSION",
         imageTagMutabilityExclusionFilters=wild("v*"))
    assert push(http, name, "v1", "three")[0].status == 400
    assert push(http, name, "other", "three")[0].status == 201
    assert push(http, name, "other", "four")[0].status == 201
    reply = post(server, "PutImageTagMutability", repositoryName=name, imageTagMutability="MUTABLE")
    assert "imageTagMutabilityExclusionFilters" not in reply
    assert push(http, name, "v1", "five")[0].status == 201


@pytest.mark.parametrize("members", (
    {"imageTagMutability": "IMMUTABLE_WITH_EXCLUSION"},
    {"imageTagMutability": "MUTABLE", "imageTagMutabilityExclusionFilters": wild("a")},
    {"imageTagMutabilityExclusionFilters": wild("a")},
    {"imageTagMutability": "IMMUTABLE_WITH_EXCLUSION", "imageTagMutabilityExclusionFilters": []},
    {"imageTagMutability": "IMMUTABLE_WITH_EXCLUSION", "imageTagMutabilityExclusionFilters": wild(*"abcdef")},
    {"imageTagMutability": "IMMUTABLE_WITH_EXCLUSION", "imageTagMutabilityExclusionFilters": wild("a/b")},
    {"imageTagMutability": "IMMUTABLE_WITH_EXCLUSION", "imageTagMutabilityExclusionFilters": wild("")},
    {"imageTagMutability": "IMMUTABLE_WITH_EXCLUSION",
     "imageTagMutabilityExclusionFilters": [{"filterType": "REGEX", "filter": "a"}]}))
def test_wrong_mutability_settings(server, name, members):
    refused(server, "CreateRepository", "InvalidParameterException", repositoryName=name, **members)


@pytest.mark.parametrize("key, value, ok", (
    ("ü" * 128, "ü" * 256, True), ("k" * 129, "", False), ("k", "v" * 257, False), ("", "v", False)))
def test_lengths_of_resource_tags_are_characters(server, name, key, value, ok):
    body = json.dumps({"repositoryName": name, "tags": [{"Key": key, "Value": value}]}).encode()
    reply = call(server, "ecr", "CreateRepository", body)
    assert (reply.status == 200) == ok
    if not ok:
        assert reply.json()["__type"] == "InvalidTagParameterException"


def test_a_tag_has_one_value(server, name):
    twice = [{"Key": "team", "Value": "a"}, {"Key": "team", "Value": "b"}]
    refused(server, "CreateRepository", "InvalidTagParameterException", repositoryName=name, tags=twice)
    refused(server, "CreateRepository", "TooManyTagsException", repositoryName=name,
            tags=[{"Key": "k%d" % i, "Value": ""} for i in range(5000)])


@pytest.mark.parametrize("encryption, error", (
    ({"encryptionType": "KMS"}, "UnsupportedFeatureException"), ({"encryptionType": "KMS_DSSE"}, "UnsupportedFeatureException"),
    ({"encryptionType": "ROT13"}, "InvalidParameterException"), ({}, "InvalidParameterException")))
def test_encryption_that_is_not_here(server, name, encryption, error):
    refused(server, "CreateRepository", error, repositoryName=name, encryptionConfiguration=encryption)


# -- layers in parts

def upload(ecr, repository, data, size):
    u = ecr.initiate_layer_upload(repositoryName=repository)
    for first in range(0, len(data), size):
        part = data[first:first + size]
        reply = ecr.upload_layer_part(repositoryName=repository, uploadId=u["uploadId"], partFirstByte=first,
                                      partLastByte=first + len(part) - 1, layerPartBlob=part)
        assert reply["lastByteReceived"] == first + len(part) - 1
    return u["uploadId"]


def sha(data):
    return "sha256:" + hashlib.sha256(data).hexdigest()


def test_a_layer_in_parts_and_back(server, ecr, repo, tmp_path):
    data = os.urandom(12 * MIB + 17)
    u = ecr.initiate_layer_upload(repositoryName=repo)
    assert u["partSize"] == 20 * MIB
    uid = upload(ecr, repo, data, 5 * MIB)
    done = ecr.complete_layer_upload(repositoryName=repo, uploadId=uid, layerDigests=[sha(data)])
    assert done["layerDigest"] == sha(data) and done["uploadId"] == uid
    there = ecr.batch_check_layer_availability(repositoryName=repo, layerDigests=[sha(data)])["layers"][0]
    assert there["layerAvailability"] == "AVAILABLE" and there["layerSize"] == len(data)
    with Refused("UploadNotFoundException"):
        ecr.complete_layer_upload(repositoryName=repo, uploadId=uid, layerDigests=[sha(data)])
    url = ecr.get_download_url_for_layer(repositoryName=repo, layerDigest=sha(data))
    assert url["layerDigest"] == sha(data)
    r.run(["curl", "-sS", "-f", "-o", tmp_path / "layer", url["downloadUrl"]], env=server.env())
    assert (tmp_path / "layer").read_bytes() == data
    with urllib.request.urlopen(urllib.request.Request(url["downloadUrl"], headers={"Range": "bytes=10-19"})) as part:
        assert part.status == 206 and part.read() == data[10:20]


def test_the_largest_part(ecr, repo):
    data = os.urandom(20 * MIB)
    uid = upload(ecr, repo, data, 20 * MIB)
    ecr.complete_layer_upload(repositoryName=repo, uploadId=uid, layerDigests=[sha(data)])


def test_an_image_through_the_json_api_alone(ecr, http, repo):
    manifest, blobs = small_image("json")
    for b in blobs:
        uid = upload(ecr, repo, b, MIB)
        ecr.complete_layer_upload(repositoryName=repo, uploadId=uid, layerDigests=[sha(b)])
    image = ecr.put_image(repositoryName=repo, imageManifest=manifest.decode(), imageTag="v1")["image"]
    assert image["imageId"]["imageDigest"] == images.digest(manifest)
    assert http.get("/v2/%s/manifests/v1" % repo).body == manifest


def test_parts_out_of_order(ecr, repo):
    uid = ecr.initiate_layer_upload(repositoryName=repo)["uploadId"]

    def part(first, last, data):
        return ecr.upload_layer_part(repositoryName=repo, uploadId=uid, partFirstByte=first, partLastByte=last,
                                     layerPartBlob=data)
    part(0, 99, b"a" * 100)
    for first, last, data in ((0, 9, b"b" * 10), (101, 110, b"b" * 10), (100, 110, b"b" * 10), (100, 99, b""), (100, 100, b"")):
        with Refused("InvalidLayerPartException") as e:
            part(first, last, data)
        assert e.response["lastValidByteReceived"] == 99 and e.response["uploadId"] == uid, e.response
    assert part(100, 109, b"b" * 10)["lastByteReceived"] == 109
    with Refused("LayerPartTooSmallException"):
        ecr.complete_layer_upload(repositoryName=repo, uploadId=uid, layerDigests=[sha(b"a" * 100 + b"b" * 10)])


def test_completing_what_cannot_be(ecr, repo, name):
    uid = ecr.initiate_layer_upload(repositoryName=repo)["uploadId"]
    with Refused("EmptyUploadException"):
        ecr.complete_layer_upload(repositoryName=repo, uploadId=uid, layerDigests=[sha(b"")])
    ecr.upload_layer_part(repositoryName=repo, uploadId=uid, partFirstByte=0, partLastByte=4, layerPartBlob=b"hello")
    with Refused("InvalidLayerException"):
        ecr.complete_layer_upload(repositoryName=repo, uploadId=uid, layerDigests=[sha(b"other")])
    with Refused("InvalidParameterException"):
        ecr.complete_layer_upload(repositoryName=repo, uploadId=uid, layerDigests=["sha256:1"])
    with Refused("InvalidParameterException"):
        ecr.complete_layer_upload(repositoryName=repo, uploadId=uid, layerDigests=[sha(b"hello"), sha(b"b")])
    ecr.complete_layer_upload(repositoryName=repo, uploadId=uid, layerDigests=[sha(b"hello")] * 2)
    again = upload(ecr, repo, b"hello", 10)
    with Refused("LayerAlreadyExistsException"):
        ecr.complete_layer_upload(repositoryName=repo, uploadId=again, layerDigests=[sha(b"hello")])
    with Refused("UploadNotFoundException"):
        ecr.upload_layer_part(repositoryName=repo, uploadId=again, partFirstByte=5, partLastByte=5, layerPartBlob=b"!")
    other = "other/" + name
    ecr.create_repository(repositoryName=other)
    uid = upload(ecr, repo, b"mine", 10)
    with Refused("UploadNotFoundException"):
        ecr.complete_layer_upload(repositoryName=other, uploadId=uid, layerDigests=[sha(b"mine")])
    with Refused("InvalidParameterException"):
        ecr.upload_layer_part(repositoryName=repo, uploadId="not-a-uuid", partFirstByte=0, partLastByte=0, layerPartBlob=b"x")


def test_an_upload_outlives_the_server():
    s = Server().start()
    try:
        ecr = s.boto("ecr")
        s.create_repository("kept")
        uid = upload(ecr, "kept", b"a" * 5 * MIB, 5 * MIB)
        s.kill()
        s.start()
        ecr = s.boto("ecr")
        ecr.upload_layer_part(repositoryName="kept", uploadId=uid, partFirstByte=5 * MIB, partLastByte=5 * MIB,
                              layerPartBlob=b"b")
        ecr.complete_layer_upload(repositoryName="kept", uploadId=uid, layerDigests=[sha(b"a" * 5 * MIB + b"b")])
    finally:
        s.close()


def test_parts_count_for_quotas(server, ecr, repo):
    server.slipway("quota", "set", repo, "--bytes", "100")
    uid = upload(ecr, repo, b"a" * 60, 60)
    with Refused("LimitExceededException"):
        ecr.upload_layer_part(repositoryName=repo, uploadId=uid, partFirstByte=60, partLastByte=119, layerPartBlob=b"b" * 60)
    with Refused("LimitExceededException"):
        upload(ecr, repo, b"c" * 101, 101)
    ecr.complete_layer_upload(repositoryName=repo, uploadId=uid, layerDigests=[sha(b"a" * 60)])


def test_a_layer_that_lost_its_bytes():
    s = Server().start()
    try:
        s.create_repository("lost")
        with s.http() as h:
            images.push_blob(h, "lost", b"bytes")
        s.stop()
        digest = hashlib.sha256(b"bytes").hexdigest()
        os.unlink(os.path.join(s.data, "blobs", "sha256", digest[:2], digest))
        s.start()
        with Refused("LayerInaccessibleException"):
            s.boto("ecr").get_download_url_for_layer(repositoryName="lost", layerDigest="sha256:" + digest)
        layer = s.boto("ecr").batch_check_layer_availability(repositoryName="lost", layerDigests=["sha256:" + digest])
        assert layer["layers"][0]["layerAvailability"] == "UNAVAILABLE"
        with s.http() as h:
            assert h.get("/v2/lost/blobs/sha256:" + digest).code() == "BLOB_UNKNOWN"
    finally:
        s.close()


def test_addresses_of_layers_are_sealed(server, ecr, http, repo):
    images.push_blob(http, repo, b"secret")
    url = ecr.get_download_url_for_layer(repositoryName=repo, layerDigest=sha(b"secret"))["downloadUrl"]
    with urllib.request.urlopen(url) as reply:
        assert reply.read() == b"secret"
    with pytest.raises(urllib.error.HTTPError) as e:
        urllib.request.urlopen(url[:-4] + ("AAAA" if not url.endswith("AAAA") else "BBBB"))
    assert e.value.code == 403 and json.loads(e.value.read())["errors"][0]["code"] == "DENIED"
    with Http(server.host_port) as h:
        assert h.request("GET", "/_slipway/layer").status == 403
        assert h.request("POST", "/_slipway/layer", "x").status == 405
    with Refused("LayersNotFoundException"):
        ecr.get_download_url_for_layer(repositoryName=repo, layerDigest=sha(b"nothing"))
    with Refused("InvalidParameterException"):
        ecr.get_download_url_for_layer(repositoryName=repo, layerDigest="x")
    ecr.delete_repository(repositoryName=repo, force=True)
    with pytest.raises(urllib.error.HTTPError) as e:
        urllib.request.urlopen(url)
    assert e.value.code == 404


# -- creation templates

@pytest.fixture
def prefix(server, name):
    yield name
    call(server, "ecr", "DeleteRepositoryCreationTemplate", json.dumps({"prefix": name}).encode())


def test_a_template_makes_what_a_push_needs(server, ecr, http, prefix):
    lifecycle = json.dumps({"rules": [{"rulePriority": 1, "description": "as the template says", "selection": {
        "tagStatus": "untagged", "countType": "imageCountMoreThan", "countNumber": 3}, "action": {"type": "expire"}}]})
    policy = json.dumps({"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Principal": "*", "Action": "ecr:BatchGetImage"}]})
    assert push_status(http, prefix + "/app") == 404
    made = post(server, "CreateRepositoryCreationTemplate", prefix=prefix, appliedFor=["CREATE_ON_PUSH"],
                description="für alle", imageTagMutability="IMMUTABLE_WITH_EXCLUSION",
                imageTagMutabilityExclusionFilters=wild("dev*"), resourceTags=[{"Key": "team", "Value": "α"}],
                repositoryPolicy=policy, lifecyclePolicy=lifecycle, encryptionConfiguration={"encryptionType": "AES256"},
                customRoleArn="arn:aws:iam::000000000000:role/x")["repositoryCreationTemplate"]
    assert made["prefix"] == prefix and made["description"] == "für alle" and made["createdAt"] == made["updatedAt"]
    assert made["customRoleArn"] == "arn:aws:iam::000000000000:role/x"
    assert push(http, prefix + "/deep/app", "v1", "one")[0].status == 201
    assert push(http, prefix + "/deep/app", "v1", "two")[0].status == 400
    assert push_status(http, prefix + "x/app") == 404
    there = post(server, "DescribeRepositories", repositoryNames=[prefix + "/deep/app"])["repositories"][0]
    assert there["imageTagMutability"] == "IMMUTABLE_WITH_EXCLUSION"
    assert there["imageTagMutabilityExclusionFilters"] == wild("dev*")
    assert ecr.list_tags_for_resource(resourceArn=there["repositoryArn"])["tags"] == [{"Key": "team", "Value": "α"}]
    assert ecr.get_repository_policy(repositoryName=prefix + "/deep/app")["policyText"] == policy
    assert ecr.get_lifecycle_policy(repositoryName=prefix + "/deep/app")["lifecyclePolicyText"] == lifecycle
    changed = post(server, "UpdateRepositoryCreationTemplate", prefix=prefix,
                   imageTagMutability="MUTABLE")["repositoryCreationTemplate"]
    assert changed["imageTagMutability"] == "MUTABLE" and changed["description"] == "für alle"
    assert changed["updatedAt"] >= changed["createdAt"]
    assert push(http, prefix + "/second", "v1", "one")[0].status == 201
    assert push(http, prefix + "/second", "v1", "two")[0].status == 201
    assert post(server, "DeleteRepositoryCreationTemplate", prefix=prefix)["repositoryCreationTemplate"]["prefix"] == prefix
    assert push_status(http, prefix + "/third") == 404


def test_the_longest_prefix_wins_and_root_is_last(server, http, prefix):
    for p, tag in (("ROOT", "root"), (prefix, "short"), (prefix + "/a", "long")):
        post(server, "CreateRepositoryCreationTemplate", prefix=p, appliedFor=["CREATE_ON_PUSH"],
             resourceTags=[{"Key": "from", "Value": tag}])
    post(server, "CreateRepositoryCreationTemplate", prefix=prefix + "/b", appliedFor=["REPLICATION"],
         resourceTags=[{"Key": "from", "Value": "unused"}])
    try:
        for repository, tag in ((prefix + "/x", "short"), (prefix + "/a/x", "long"), (prefix + "/b/x", "short"),
                                ("elsewhere-" + prefix, "root")):
            assert push(http, repository, "v1")[0].status == 201
            arn = "arn:aws:ecr:us-east-1:000000000000:repository/" + repository
            assert post(server, "ListTagsForResource", resourceArn=arn)["tags"] == [{"Key": "from", "Value": tag}]
    finally:
        for p in ("ROOT", prefix, prefix + "/a", prefix + "/b"):
            post(server, "DeleteRepositoryCreationTemplate", prefix=p)


def test_templates_are_listed_in_pages(server, name):
    prefixes = ["%s-%d" % (name, i) for i in range(5)]
    for p in prefixes:
        post(server, "CreateRepositoryCreationTemplate", prefix=p, appliedFor=["REPLICATION"])
    found, token, tokens = [], None, set()
    while True:
        page = post(server, "DescribeRepositoryCreationTemplates", maxResults=2, **({"nextToken": token} if token else {}))
        found += [t["prefix"] for t in page["repositoryCreationTemplates"]]
        token = page.get("nextToken")
        if not token:
            break
        assert token not in tokens
        tokens.add(token)
    assert [p for p in found if p.startswith(name + "-")] == prefixes
    named = post(server, "DescribeRepositoryCreationTemplates", prefixes=[prefixes[1], "nosuch"])
    assert [t["prefix"] for t in named["repositoryCreationTemplates"]] == [prefixes[1]]
    for p in prefixes:
        post(server, "DeleteRepositoryCreationTemplate", prefix=p)


@pytest.mark.parametrize("members, error", (
    ({"prefix": "Upper"}, "InvalidParameterException"), ({"prefix": ""}, "InvalidParameterException"),
    ({"prefix": "root"}, None), ({"appliedFor": ["NEVER"]}, "InvalidParameterException"),
    ({"repositoryPolicy": "{}"}, "InvalidParameterException"), ({"lifecyclePolicy": "{}"}, "InvalidParameterException"),
    ({"imageTagMutability": "MUTABLE_WITH_EXCLUSION"}, "InvalidParameterException"),
    ({"encryptionConfiguration": {"encryptionType": "KMS"}}, "UnsupportedFeatureException"),
    ({"resourceTags": [{"Key": "aws:x", "Value": ""}]}, "InvalidTagParameterException"),
    ({"colour": "red"}, None)))
def test_wrong_templates(server, prefix, members, error):
    body = dict({"prefix": prefix, "appliedFor": ["CREATE_ON_PUSH"]}, **members)
    reply = call(server, "ecr", "CreateRepositoryCreationTemplate", json.dumps(body).encode())
    if error:
        assert (reply.status, reply.json()["__type"]) == (400, error), reply
    elif members == {"prefix": "root"}:
        assert reply.status == 200
        post(server, "DeleteRepositoryCreationTemplate", prefix="root")
    else:
        assert reply.status == 400


def test_a_template_that_is_there_or_is_not(server, prefix):
    post(server, "CreateRepositoryCreationTemplate", prefix=prefix, appliedFor=["REPLICATION"])
    refused(server, "CreateRepositoryCreationTemplate", "TemplateAlreadyExistsException", prefix=prefix,
            appliedFor=["REPLICATION"])
    for operation in ("UpdateRepositoryCreationTemplate", "DeleteRepositoryCreationTemplate"):
        refused(server, operation, "TemplateNotFoundException", prefix="nosuch")


# -- settings

def test_account_settings(server, http, repo, name):
    for setting, default in (("BASIC_SCAN_TYPE_VERSION", "AWS_NATIVE"), ("REGISTRY_POLICY_SCOPE", "V2"),
                             ("BLOB_MOUNTING", "ENABLED")):
        assert post(server, "GetAccountSetting", name=setting) == {"name": setting, "value": default}
        assert post(server, "PutAccountSetting", name=setting, value=default) == {"name": setting, "value": default}
    refused(server, "PutAccountSetting", "UnsupportedFeatureException", name="REGISTRY_POLICY_SCOPE", value="V1")
    refused(server, "PutAccountSetting", "InvalidParameterException", name="BLOB_MOUNTING", value="PERHAPS")
    refused(server, "GetAccountSetting", "InvalidParameterException", name="NO_SUCH")
    images.push_blob(http, repo, b"shared")
    post(server, "CreateRepository", repositoryName=name + "-to")
    mount = "/v2/%s-to/blobs/uploads/?mount=%s&from=%s" % (name, sha(b"shared"), repo)
    post(server, "PutAccountSetting", name="BLOB_MOUNTING", value="DISABLED")
    assert http.request("POST", mount).status == 202
    post(server, "PutAccountSetting", name="BLOB_MOUNTING", value="ENABLED")
    assert http.request("POST", mount).status == 201


def test_pull_time_exclusions(server):
    arns = ["arn:aws:iam::000000000000:role/scanner-%d" % i for i in range(3)]
    assert post(server, "ListPullTimeUpdateExclusions") == {"pullTimeUpdateExclusions": []}
    for arn in arns:
        assert post(server, "RegisterPullTimeUpdateExclusion", principalArn=arn)["principalArn"] == arn
    refused(server, "RegisterPullTimeUpdateExclusion", "ExclusionAlreadyExistsException", principalArn=arns[0])
    refused(server, "RegisterPullTimeUpdateExclusion", "InvalidParameterException", principalArn="scanner")
    page = post(server, "ListPullTimeUpdateExclusions", maxResults=2)
    rest = post(server, "ListPullTimeUpdateExclusions", maxResults=2, nextToken=page["nextToken"])
    assert page["pullTimeUpdateExclusions"] + rest["pullTimeUpdateExclusions"] == arns and "nextToken" not in rest
    for arn in arns:
        assert post(server, "DeregisterPullTimeUpdateExclusion", principalArn=arn) == {"principalArn": arn}
    refused(server, "DeregisterPullTimeUpdateExclusion", "ExclusionNotFoundException", principalArn=arns[0])


# -- images

def test_referrers(server, http, repo):
    _, subject, manifest = push(http, repo, "v1")
    images.push_blob(http, repo, b"{}")
    digests = []
    for i in range(3):
        body = images.dump({"schemaVersion": 2, "mediaType": images.OCI_MANIFEST,
                            "artifactType": "application/x.%s" % ("a" if i < 2 else "b"),
                            "config": images.descriptor("application/vnd.oci.empty.v1+json", b"{}"), "layers": [],
                            "subject": {"mediaType": images.OCI_MANIFEST, "digest": subject, "size": len(manifest)},
                            "annotations": {"n": str(i)}})
        assert images.put_manifest(http, repo, images.digest(body), body).status == 201
        digests.append(images.digest(body))
    who = {"repositoryName": repo, "subjectId": {"imageDigest": subject}}
    every = post(server, "ListImageReferrers", **who)["referrers"]
    assert sorted(x["digest"] for x in every) == sorted(digests)
    assert {x["annotations"]["n"] for x in every} == {"0", "1", "2"}
    assert all(x["artifactStatus"] == "ACTIVE" and x["mediaType"] == images.OCI_MANIFEST and x["size"] > 0 for x in every)
    only = post(server, "ListImageReferrers", filter={"artifactTypes": ["application/x.b"]}, **who)["referrers"]
    assert [x["digest"] for x in only] == [digests[2]]
    assert post(server, "ListImageReferrers", filter={"artifactStatus": "ARCHIVED"}, **who)["referrers"] == []
    first = post(server, "ListImageReferrers", maxResults=2, **who)
    rest = post(server, "ListImageReferrers", maxResults=2, nextToken=first["nextToken"], **who)
    assert [x["digest"] for x in first["referrers"] + rest["referrers"]] == sorted(digests)
    refused(server, "ListImageReferrers", "InvalidParameterException", repositoryName=repo, subjectId={"imageDigest": "x"})
    refused(server, "ListImageReferrers", "InvalidParameterException", repositoryName=repo, subjectId={})
    refused(server, "ListImageReferrers", "RepositoryNotFoundException", repositoryName="no/such",
            subjectId={"imageDigest": subject})


def test_filters_of_images(server, http, repo):
    _, tagged, _ = push(http, repo, "v1", "one")
    manifest, blobs = small_image("two")
    for b in blobs:
        images.push_blob(http, repo, b)
    untagged = images.digest(manifest)
    images.put_manifest(http, repo, untagged, manifest)

    def digests(operation, **f):
        reply = post(server, operation, repositoryName=repo, filter=f)
        return sorted(x["imageDigest"] for x in reply.get("imageDetails", reply.get("imageIds")))
    for operation in ("DescribeImages", "ListImages"):
        assert digests(operation) == sorted([tagged, untagged])
        assert digests(operation, tagStatus="TAGGED") == [tagged]
        assert digests(operation, tagStatus="UNTAGGED", imageStatus="ACTIVE") == [untagged]
        assert digests(operation, tagStatus="ANY", imageStatus="ANY") == sorted([tagged, untagged])
        assert digests(operation, imageStatus="ARCHIVED") == [] == digests(operation, imageStatus="ACTIVATING")
    details = post(server, "DescribeImages", repositoryName=repo, imageIds=[{"imageDigest": untagged}],
                   filter={"tagStatus": "TAGGED"})["imageDetails"]
    assert details == []
    assert post(server, "DescribeImages", repositoryName=repo, imageIds=[{"imageTag": "v1"}])["imageDetails"][0][
        "imageStatus"] == "ACTIVE"


def test_manifests_of_one_batch_are_bounded(ecr, http, repo):
    big = [images.dump({"schemaVersion": 2, "mediaType": images.OCI_INDEX, "manifests": [],
                        "annotations": {"a": str(i) + "x" * 3500000}}) for i in range(2)]
    for m in big:
        assert images.put_manifest(http, repo, images.digest(m), m, images.OCI_INDEX).status == 201
    ids = [{"imageDigest": images.digest(m)} for m in big]
    assert len(ecr.batch_get_image(repositoryName=repo, imageIds=ids)["images"]) == 2
    with Refused("InvalidParameterException") as e:
        ecr.batch_get_image(repositoryName=repo, imageIds=ids * 10)
    assert "ask for fewer" in e.message


# -- where clients find the registry

def hosted(server, host, operation, region=r.REGION, **members):
    body = json.dumps(members).encode()
    headers = signed_headers(server, "ecr", operation, body, region=region, more={"Host": host})
    with Http(server.host_port) as h:
        reply = h.request("POST", "/", body, headers)
    assert reply.status == 200, reply
    return reply.json()


@pytest.mark.parametrize("host, region, want", (
    ("registry.example:5000", "us-east-1", "registry.example:5000"),
    ("localhost:7000", "us-east-1", "localhost:7000"),
    ("000000000000.dkr.ecr.us-east-1.example.com", "us-east-1", "000000000000.dkr.ecr.us-east-1.example.com"),
    ("000000000000.dkr.ecr.us-east-1.example.com", "eu-west-1", "000000000000.dkr.ecr.eu-west-1.example.com"),
    ("registry.example:5000", "eu-west-1", "000000000000.dkr.ecr.eu-west-1.registry.example:5000"),
    ("127.0.0.1:5000", "eu-west-1", "000000000000.dkr.ecr.eu-west-1.localhost:5000")))
def test_repository_uris_name_the_registry_as_the_caller_does(server, name, host, region, want):
    made = hosted(server, host, "CreateRepository", region, repositoryName=name)["repository"]
    assert made["repositoryUri"] == "%s/%s" % (want, name)
    data = hosted(server, host, "GetAuthorizationToken", region)["authorizationData"][0]
    assert data["proxyEndpoint"] == "http://" + want


def test_the_configured_name():
    s = Server(env={"SLIPWAY_EXTERNAL_URL": "https://registry.example:5000"}).start()
    try:
        made = s.create_repository("a/b")
        assert made["repositoryUri"] == "registry.example:5000/a/b"
        data = s.boto("ecr").get_authorization_token()["authorizationData"][0]
        assert data["proxyEndpoint"] == "https://registry.example:5000"
        with s.http() as h:
            images.push_blob(h, "a/b", b"x")
        url = s.boto("ecr").get_download_url_for_layer(repositoryName="a/b", layerDigest=sha(b"x"))["downloadUrl"]
        assert url.startswith("https://registry.example:5000/_slipway/layer?token=")
    finally:
        s.close()


# -- what is not here

def test_empty_state_is_answered(server, ecr, http, repo):
    _, digest, _ = push(http, repo, "v1")
    image = {"repositoryName": repo, "imageId": {"imageTag": "v1"}}
    assert ecr.get_registry_scanning_configuration()["scanningConfiguration"] == {"scanType": "BASIC", "rules": []}
    assert ecr.put_registry_scanning_configuration(scanType="BASIC", rules=[])["registryScanningConfiguration"][
        "scanType"] == "BASIC"
    assert ecr.describe_registry()["replicationConfiguration"] == {"rules": []}
    assert ecr.put_replication_configuration(replicationConfiguration={"rules": []})["replicationConfiguration"] == {"rules": []}
    assert ecr.describe_pull_through_cache_rules()["pullThroughCacheRules"] == []
    with Refused("PullThroughCacheRuleNotFoundException"):
        ecr.describe_pull_through_cache_rules(ecrRepositoryPrefixes=["quay"])
    with Refused("PullThroughCacheRuleNotFoundException"):
        ecr.delete_pull_through_cache_rule(ecrRepositoryPrefix="quay")
    with Refused("ScanNotFoundException"):
        ecr.describe_image_scan_findings(**image)
    status = ecr.describe_image_replication_status(**image)
    assert status["replicationStatuses"] == [] and status["imageId"] == {"imageDigest": digest, "imageTag": "v1"}
    assert post(server, "DescribeImageSigningStatus", **image)["signingStatuses"] == []
    for operation in ("GetSigningConfiguration", "DeleteSigningConfiguration"):
        refused(server, operation, "SigningConfigurationNotFoundException")
    assert post(server, "ListReplicationBackfills")["backfills"] == []
    refused(server, "DescribeReplicationBackfillResults", "ReplicationBackfillNotFoundException", replicationBackfillId="x")
    reply = ecr.batch_get_repository_scanning_configuration(repositoryNames=[repo, "no/such"])
    assert [(c["repositoryName"], c["scanOnPush"], c["scanFrequency"]) for c in reply["scanningConfigurations"]] == [
        (repo, False, "MANUAL")]
    assert [(f["repositoryName"], f["failureCode"]) for f in reply["failures"]] == [("no/such", "REPOSITORY_NOT_FOUND")]
    for operation in ("DescribeImageScanFindings", "DescribeImageSigningStatus", "DescribeImageReplicationStatus",
                      "StartImageScan"):
        refused(server, operation, "ImageNotFoundException", repositoryName=repo, imageId={"imageTag": "no"})


def test_features_that_are_refused_by_name(server, ecr, http, repo):
    push(http, repo, "v1")
    rule = {"scanFrequency": "SCAN_ON_PUSH", "repositoryFilters": [{"filter": "*", "filterType": "WILDCARD"}]}
    image = {"repositoryName": repo, "imageId": {"imageTag": "v1"}}
    for operation, feature, members in (
            ("StartImageScan", "scanning", image),
            ("PutRegistryScanningConfiguration", "scanning", {"scanType": "ENHANCED"}),
            ("PutRegistryScanningConfiguration", "scanning", {"rules": [rule]}),
            ("PutReplicationConfiguration", "replication", {"replicationConfiguration": {"rules": [
                {"destinations": [{"region": "eu-west-1", "registryId": r.ACCOUNT}]}]}}),
            ("StartReplicationBackfill", "replication", {"destination": {"region": "eu-west-1", "registryId": r.ACCOUNT}}),
            ("CreatePullThroughCacheRule", "pulling through", {"ecrRepositoryPrefix": "quay", "upstreamRegistryUrl": "quay.io"}),
            ("PutSigningConfiguration", "signing", {"signingConfiguration": {"rules": []}}),
            ("UpdateImageStorageClass", "archive", dict(image, targetStorageClass="ARCHIVE"))):
        assert feature in refused(server, operation, "UnsupportedFeatureException", **members)
    for operation, members in (
            ("PutRegistryScanningConfiguration", {"scanType": "DEEP"}),
            ("PutReplicationConfiguration", {"replicationConfiguration": {"rules": [{"destinations": [{"region": "x"}]}]}}),
            ("CreatePullThroughCacheRule", {"ecrRepositoryPrefix": "q" * 31, "upstreamRegistryUrl": "quay.io"}),
            ("UpdateImageStorageClass", dict(image, targetStorageClass="ATTIC"))):
        refused(server, operation, "InvalidParameterException", **members)


# -- the command line client

def test_aws_cli(server, tmp_path):
    name = "cli/app"
    server.aws("ecr", "create-repository", "--repository-name", name)
    policy = tmp_path / "policy.json"
    policy.write_text(json.dumps(ALLOW_ALL))
    made = server.aws("ecr", "set-repository-policy", "--repository-name", name, "--policy-text", "file://%s" % policy)
    assert json.loads(made["policyText"]) == ALLOW_ALL
    assert json.loads(server.aws("ecr", "get-repository-policy", "--repository-name", name)["policyText"]) == ALLOW_ALL
    uid = server.aws("ecr", "initiate-layer-upload", "--repository-name", name)["uploadId"]
    blob = tmp_path / "layer"
    blob.write_bytes(b"hello")
    server.aws("ecr", "upload-layer-part", "--repository-name", name, "--upload-id", uid, "--part-first-byte", "0",
               "--part-last-byte", "4", "--layer-part-blob", "fileb://%s" % blob)
    server.aws("ecr", "complete-layer-upload", "--repository-name", name, "--upload-id", uid, "--layer-digests", sha(b"hello"))
    url = server.aws("ecr", "get-download-url-for-layer", "--repository-name", name, "--layer-digest", sha(b"hello"))
    assert r.run(["curl", "-sS", "-f", url["downloadUrl"]], env=server.env()).stdout == "hello"
    failed = server.aws("ecr", "get-registry-policy", check=False)
    assert failed.returncode == 254 and "(RegistryPolicyNotFoundException)" in failed.stderr


# -- every operation

VALUES = {"repositoryName": "no/such", "repositoryNames": "no/such", "uploadId": "01234567-89ab-cdef-0123-456789abcdef",
          "policyText": "{}", "prefix": "x",
          "ecrRepositoryPrefix": "quay", "principalArn": "arn:aws:iam::000000000000:role/x", "region": "eu-west-1",
          "registryId": r.ACCOUNT, "layerDigest": "sha256:" + "0" * 64, "lifecyclePolicyText": "x" * 100,
          "imageManifest": "{}", "value": "ENABLED", "filter": "abc"}


def smallest(description, name=None, service="ecr"):
    """The smallest value that a table lets through."""
    kind = description["type"]
    if name == "tags":
        return [{"Key": "team", "Value": "a"}]  # a tag has a key, whatever the table says
    if kind == "structure":
        members = (description.get("of") or description)["members"]
        return {n: smallest(m, n, service) for n, m in members.items() if m.get("required")}
    if kind == "list":
        of = description["of"]
        return [smallest(of.get("member", of) if "type" not in of else of, name, service)] * max(1, description.get("min") or 0)
    if name == "resourceArn":
        return "arn:aws:%s:repository/no/such" % ("ecr:us-east-1:000000000000" if service == "ecr" else
                                                   "ecr-public::000000000000")
    if "enum" in description:
        return description["enum"][0]
    return {"string": VALUES.get(name, "sha256:" + "0" * 64), "long": 0, "integer": 1, "boolean": True, "blob": "eA=="}[kind]


@pytest.mark.parametrize("service, target", (("ecr", "AmazonEC2ContainerRegistry_V20150921"),
                                             ("ecr-public", "SpencerFrontendService")))
def test_every_operation_asks_before_it_looks(server, tmp_path, service, target):
    """A user without rights is refused by every operation in the same way, whatever exists."""
    tables = json.loads(r.run([r.BIN, "debug", "schema"], env=r.clean_env(str(tmp_path))).stdout)
    key = server.add_user("nobody-" + service)
    wrong = []
    with Http(server.host_port) as h:
        for name, op in sorted(tables[target]["operations"].items()):
            body = json.dumps(smallest(op["input"], service=service)).encode()
            headers = signed_headers(server, target, name, body, key=key, scope=service)
            reply = h.request("POST", "/", body, headers)
            if (reply.status, reply.json().get("__type")) != (400, "AccessDeniedException"):
                wrong.append("%s %s -> %r" % (name, body[:200], reply))
            elif "perform: %s:%s on" % (service, name) not in reply.json()["message"]:
                wrong.append("%s: %s" % (name, reply.json()["message"]))
    assert not wrong, "\n".join(wrong)
