# SPDX-License-Identifier: Apache-2.0
"""ecr-public through boto3 and the AWS CLI: a public repository is an ordinary one that lets everyone pull."""
import base64
import hashlib
import json

import pytest
from botocore.exceptions import ClientError

from support import images
from support import run as r
from support.rawhttp import Http, basic


@pytest.fixture(scope="module")
def public(server):
    return server.boto("ecr-public")


@pytest.fixture(scope="module")
def ecr(server):
    return server.boto("ecr")


@pytest.fixture(scope="module")
def http(server):
    with server.http() as h:
        yield h


def code_of(fn, **members):
    with pytest.raises(ClientError) as e:
        fn(**members)
    return e.value.response["Error"]["Code"]


CATALOG = {"description": "für alle", "architectures": ["ARM", "x86"], "operatingSystems": ["Linux"],
           "aboutText": "# about", "usageText": "# usage"}


def push(http, repository, tag):
    config, layer = images.dump({"architecture": "amd64", "os": "linux"}), b"layer of " + repository.encode()
    for b in (config, layer):
        images.push_blob(http, repository, b)
    manifest = images.dump({"schemaVersion": 2, "mediaType": images.OCI_MANIFEST,
                            "config": images.descriptor(images.OCI_CONFIG, config),
                            "layers": [images.descriptor(images.OCI_GZIP, layer)]})
    assert images.put_manifest(http, repository, tag, manifest).status == 201
    return images.digest(manifest)


def test_a_public_repository_from_its_making_to_its_end(server, public, ecr, http, name):
    reply = public.create_repository(repositoryName=name, catalogData=CATALOG, tags=[{"Key": "team", "Value": "a"}])
    made = reply["repository"]
    assert reply["catalogData"] == CATALOG
    assert made["repositoryArn"] == "arn:aws:ecr-public::000000000000:repository/" + name
    assert made["repositoryUri"] == "%s/%s" % (server.host_port, name) and made["registryId"] == r.ACCOUNT
    assert public.describe_repositories(repositoryNames=[name])["repositories"] == [made]
    digest = push(http, name, "v1")
    with Http(server.host_port) as anyone:
        assert anyone.get("/v2/%s/manifests/v1" % name).status == 200
        assert anyone.get("/v2/%s/blobs/%s" % (name, "sha256:" + hashlib.sha256(
            b"layer of " + name.encode()).hexdigest())).status == 200
    detail = public.describe_images(repositoryName=name)["imageDetails"][0]
    assert (detail["imageDigest"], detail["imageTags"]) == (digest, ["v1"])
    tag = public.describe_image_tags(repositoryName=name)["imageTagDetails"][0]
    assert tag["imageTag"] == "v1" and tag["imageDetail"]["imageDigest"] == digest
    assert ecr.describe_repositories(repositoryNames=[name])["repositories"][0]["repositoryName"] == name
    assert code_of(public.create_repository, repositoryName=name) == "RepositoryAlreadyExistsException"
    assert code_of(public.delete_repository, repositoryName=name) == "RepositoryNotEmptyException"
    public.batch_delete_image(repositoryName=name, imageIds=[{"imageTag": "v1"}])
    assert public.delete_repository(repositoryName=name)["repository"]["repositoryName"] == name
    assert code_of(ecr.describe_repositories, repositoryNames=[name]) == "RepositoryNotFoundException"


def test_private_repositories_are_not_seen(public, ecr, http, name):
    ecr.create_repository(repositoryName=name)
    push(http, name, "v1")
    listed = [x["repositoryName"] for p in public.get_paginator("describe_repositories").paginate() for x in p["repositories"]]
    assert name not in listed
    for fn, more in ((public.describe_images, {}), (public.delete_repository, {"force": True}),
                     (public.get_repository_catalog_data, {}), (public.put_repository_catalog_data, {"catalogData": {}}),
                     (public.get_repository_policy, {}), (public.delete_repository_policy, {}),
                     (public.batch_delete_image, {"imageIds": [{"imageTag": "v1"}]}),
                     (public.initiate_layer_upload, {}), (public.describe_image_tags, {})):
        assert code_of(fn, repositoryName=name, **more) == "RepositoryNotFoundException"
    assert code_of(public.describe_repositories, repositoryNames=[name]) == "RepositoryNotFoundException"
    arn = "arn:aws:ecr-public::000000000000:repository/" + name
    assert code_of(public.list_tags_for_resource, resourceArn=arn) == "RepositoryNotFoundException"
    assert code_of(public.tag_resource, resourceArn=arn, tags=[{"Key": "a", "Value": "b"}]) == "RepositoryNotFoundException"


def test_lists_have_pages_of_public_ones(public, ecr, name):
    names = ["%s/%d" % (name, i) for i in range(5)]
    for i, n in enumerate(names):
        public.create_repository(repositoryName=n)
        ecr.create_repository(repositoryName="%s/%d-private" % (name, i))
    pages = list(public.get_paginator("describe_repositories").paginate(PaginationConfig={"PageSize": 2}))
    found = [x["repositoryName"] for p in pages for x in p["repositories"]]
    assert [n for n in found if n.startswith(name + "/")] == names
    assert all(len(p["repositories"]) <= 2 for p in pages)


def test_catalog_data(public, name):
    public.create_repository(repositoryName=name)
    assert code_of(public.get_repository_catalog_data, repositoryName=name) == "RepositoryCatalogDataNotFoundException"
    assert public.put_repository_catalog_data(repositoryName=name, catalogData=CATALOG)["catalogData"] == CATALOG
    assert public.get_repository_catalog_data(repositoryName=name)["catalogData"] == CATALOG
    assert code_of(public.put_repository_catalog_data, repositoryName=name,
                   catalogData={"logoImageBlob": b"png"}) == "UnsupportedFeatureException"
    assert public.put_registry_catalog_data(displayName="Wir")["registryCatalogData"] == {"displayName": "Wir"}
    assert public.get_registry_catalog_data()["registryCatalogData"] == {"displayName": "Wir"}


def test_tags_and_policy(public, name):
    arn = public.create_repository(repositoryName=name)["repository"]["repositoryArn"]
    public.tag_resource(resourceArn=arn, tags=[{"Key": "a", "Value": "1"}, {"Key": "b", "Value": "2"}])
    public.untag_resource(resourceArn=arn, tagKeys=["a"])
    assert public.list_tags_for_resource(resourceArn=arn)["tags"] == [{"Key": "b", "Value": "2"}]
    assert code_of(public.list_tags_for_resource,
                   resourceArn="arn:aws:ecr:us-east-1:000000000000:repository/" + name) == "InvalidParameterException"
    text = json.dumps({"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Principal": {"AWS": "000000000000"}, "Action": "ecr-public:PutImage"}]})
    assert public.set_repository_policy(repositoryName=name, policyText=text)["policyText"] == text
    assert public.get_repository_policy(repositoryName=name)["policyText"] == text
    assert public.delete_repository_policy(repositoryName=name)["policyText"] == text


def test_layers_and_images(public, http, name):
    public.create_repository(repositoryName=name)
    config, layer = images.dump({"architecture": "amd64", "os": "linux"}), b"public layer"
    for data in (config, layer):
        uid = public.initiate_layer_upload(repositoryName=name)["uploadId"]
        public.upload_layer_part(repositoryName=name, uploadId=uid, partFirstByte=0, partLastByte=len(data) - 1,
                                 layerPartBlob=data)
        public.complete_layer_upload(repositoryName=name, uploadId=uid,
                                     layerDigests=["sha256:" + hashlib.sha256(data).hexdigest()])
    manifest = images.dump({"schemaVersion": 2, "mediaType": images.OCI_MANIFEST,
                            "config": images.descriptor(images.OCI_CONFIG, config),
                            "layers": [images.descriptor(images.OCI_GZIP, layer)]})
    image = public.put_image(repositoryName=name, imageManifest=manifest.decode(), imageTag="v1")["image"]
    assert image["imageId"]["imageDigest"] == images.digest(manifest)
    there = public.batch_check_layer_availability(repositoryName=name, layerDigests=[image["imageId"]["imageDigest"]])
    assert there["layers"][0]["layerAvailability"] == "UNAVAILABLE"


def test_login_and_registries(server, public):
    data = public.get_authorization_token()["authorizationData"]
    user, password = base64.b64decode(data["authorizationToken"]).decode().split(":")
    assert user == "AWS"
    with Http(server.host_port) as h:
        assert h.request("GET", "/v2/", headers={"Authorization": basic(password)}).status == 200
    one = public.describe_registries()["registries"][0]
    assert one["registryArn"] == "arn:aws:ecr-public::000000000000:registry/000000000000"
    assert one["registryUri"] == server.host_port and one["aliases"][0]["name"] == r.ACCOUNT


def test_regions_share_the_public_registry(server, public, name):
    server.boto("ecr-public", region="us-west-2").create_repository(repositoryName=name)
    assert public.describe_repositories(repositoryNames=[name])["repositories"][0]["repositoryUri"] == (
        "%s/%s" % (server.host_port, name))


def test_aws_cli(server, name):
    made = server.aws("ecr-public", "create-repository", "--repository-name", name, "--catalog-data", json.dumps(CATALOG))
    assert made["catalogData"]["description"] == "für alle"
    assert server.aws("ecr-public", "get-login-password").strip().count(":") == 0
    server.aws("ecr-public", "delete-repository", "--repository-name", name)
