# SPDX-License-Identifier: Apache-2.0
"""Two accounts on one server: what one has the other reaches only where both sides allow it, over /v2/ by the host name
<account>.dkr.ecr.<region>.<anything>, over ECR's registryId, and by roles that trust the other account."""
import json

import pytest
from botocore.exceptions import ClientError

from support import images
from support import run as r
from support.rawhttp import Http
from support.server import read_credentials

OTHER = "111122223333"
MINE, THEIRS = r.ACCOUNT, OTHER
PULL = ["ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer", "ecr:BatchCheckLayerAvailability"]
PUSH = ["ecr:InitiateLayerUpload", "ecr:UploadLayerPart", "ecr:CompleteLayerUpload", "ecr:PutImage", "ecr:BatchCheckLayerAvailability"]


def document(*statements):
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


def allow(action, resource="*", **more):
    return dict({"Effect": "Allow", "Action": action, "Resource": resource}, **more)


def granted(principal, action, effect="Allow", **more):
    return document(dict({"Effect": effect, "Principal": {"AWS": principal}, "Action": action}, **more))


def repository_arn(name, account=MINE):
    return "arn:aws:ecr:us-east-1:%s:repository/%s" % (account, name)


class Refused:
    def __init__(self, code, part=""):
        self.code, self.part = code, part

    def __enter__(self):
        return self

    def __exit__(self, kind, error, trace):
        assert isinstance(error, ClientError), "not refused: %r" % error
        assert error.response["Error"]["Code"] == self.code and self.part in error.response["Error"]["Message"], error
        return True


@pytest.fixture(scope="module")
def add(server, tmp_path_factory):
    """add(name, ...) makes a user with `slipway user add` and returns its key."""
    folder = tmp_path_factory.mktemp("keys")

    def make(name, *args, env=None):
        path = folder / name
        path.write_text(server.slipway("user", "add", name, *args, env=env).stdout)
        return read_credentials(str(path))
    return make


@pytest.fixture(scope="module")
def theirs(add):
    """The key of the other account's administrator."""
    return add("their-admin", "--account", OTHER, "--admin")


@pytest.fixture(scope="module")
def ecr(server):
    return server.boto("ecr")


class Registry:
    """What docker does, at the host name of an account's registry."""

    def __init__(self, server, account, password, region="us-east-1"):
        self.http = Http(server.host_port, password)
        self.headers = {"Host": "%s.dkr.ecr.%s.registry.test:%d" % (account, region, server.port)}

    def __enter__(self):
        return self

    def __exit__(self, *what):
        self.http.close()

    def ask(self, method, path, body=None, **headers):
        return self.http.request(method, path, body, dict(self.headers, **{k.replace("_", "-"): v for k, v in headers.items()}))

    def pull(self, name, tag="v1"):
        reply = self.ask("GET", "/v2/%s/manifests/%s" % (name, tag), Accept=images.OCI_MANIFEST)
        if reply.status == 200:
            for layer in reply.json()["layers"]:
                blob = self.ask("GET", "/v2/%s/blobs/%s" % (name, layer["digest"]))
                assert blob.status == 200 and images.digest(blob.body) == layer["digest"]
        return reply

    def upload(self, name, data):
        reply = self.ask("POST", "/v2/%s/blobs/uploads/?digest=%s" % (name, images.digest(data)), data,
                         Content_Type="application/octet-stream")
        return reply

    def push(self, name, salt, tag="v1"):
        config, layer = json.dumps({"architecture": "amd64", "os": "linux", "x": salt}).encode(), salt.encode()
        for data in (config, layer):
            reply = self.upload(name, data)
            if reply.status != 201:
                return reply
        manifest = json.dumps({"schemaVersion": 2, "mediaType": images.OCI_MANIFEST,
                               "config": images.descriptor(images.OCI_CONFIG, config),
                               "layers": [images.descriptor(images.OCI_GZIP, layer)]})
        return self.ask("PUT", "/v2/%s/manifests/%s" % (name, tag), manifest, Content_Type=images.OCI_MANIFEST)


def denied(reply, *parts):
    assert (reply.status, reply.code()) == (403, "DENIED"), reply
    for part in parts:
        assert part in reply.json()["errors"][0]["message"], reply


@pytest.fixture
def image(server, ecr, name):
    """A repository of this account with an image; its name."""
    ecr.create_repository(repositoryName=name)
    with Registry(server, MINE, server.password()) as registry:
        assert registry.push(name, "of " + name).status == 201
        assert registry.pull(name).status == 200
    return name


def test_a_name_is_each_accounts_own(server, theirs, image):
    they = server.boto("ecr", theirs)
    assert image not in [x["repositoryName"] for x in they.describe_repositories()["repositories"]]
    made = they.create_repository(repositoryName=image)["repository"]
    assert made["repositoryArn"] == repository_arn(image, THEIRS) and made["registryId"] == THEIRS
    assert made["repositoryUri"].startswith("%s.dkr.ecr.us-east-1." % THEIRS)
    layer = images.digest(("of " + image).encode())
    with Registry(server, THEIRS, server.password(theirs)) as registry:
        assert registry.pull(image).status == 404
        assert registry.ask("HEAD", "/v2/%s/blobs/%s" % (image, layer)).status == 404  # a digest gives no right to its bytes
        mounted = registry.ask("POST", "/v2/%s/blobs/uploads/?mount=%s&from=%s" % (image, layer, image))
        assert mounted.status == 202, mounted
        assert registry.push(image, "another").status == 201
        catalog = registry.ask("GET", "/v2/_catalog").json()["repositories"]
        assert image in catalog
    with Registry(server, MINE, server.password(theirs)) as registry:
        assert registry.ask("GET", "/v2/_catalog").json()["repositories"] == []
    they.delete_repository(repositoryName=image, force=True)
    with Registry(server, MINE, server.password()) as registry:
        assert registry.pull(image).status == 200


def test_administrators_of_one_are_strangers_to_the_other(server, theirs, image):
    user = "arn:aws:iam::%s:user/their-admin" % THEIRS
    with Registry(server, MINE, server.password(theirs)) as registry:
        told = ("User: %s is not authorized to perform: ecr:BatchGetImage on resource: %s" % (user, repository_arn(image)),
                "because no resource-based policy allows the ecr:BatchGetImage action")
        denied(registry.pull(image), *told)
        denied(registry.pull(image + "-no-such"), "ecr:BatchGetImage")
        denied(registry.push(image, "x"), repository_arn(image))
        denied(registry.ask("DELETE", "/v2/%s/manifests/v1" % image), "ecr:BatchDeleteImage")
        denied(registry.ask("GET", "/v2/%s/tags/list" % image), "ecr:ListImages")
    they = server.boto("ecr", theirs)
    for call, more in ((they.describe_images, {}), (they.list_images, {}), (they.delete_repository, {"force": True}),
                       (they.batch_get_image, {"imageIds": [{"imageTag": "v1"}]}), (they.get_repository_policy, {}),
                       (they.initiate_layer_upload, {}), (they.set_repository_policy, {"policyText": granted(THEIRS, "ecr:*")}),
                       (they.get_download_url_for_layer, {"layerDigest": images.digest(b"x")})):
        with Refused("AccessDeniedException", "resource-based policy"):
            call(registryId=MINE, repositoryName=image, **more)
    for operation, more in ((they.tag_resource, {"tags": [{"Key": "a", "Value": "b"}]}), (they.list_tags_for_resource, {})):
        with pytest.raises(ClientError) as e:
            operation(resourceArn=repository_arn(image), **more)
        assert e.value.response["Error"]["Code"] in ("AccessDeniedException", "InvalidParameterException")


def test_a_pull_needs_both_sides(server, ecr, add, theirs, image):
    env = server.env(AWS_ACCESS_KEY_ID=theirs[0], AWS_SECRET_ACCESS_KEY=theirs[1], SLIPWAY_ENDPOINT=server.endpoint)
    plain = add(image + "-plain", env=env)
    iam = server.boto("iam", theirs, validate=False)
    iam.put_user_policy(UserName=image + "-plain", PolicyName="login", PolicyDocument=document(allow("ecr:GetAuthorizationToken")))
    with Registry(server, MINE, server.password(theirs)) as admin, Registry(server, MINE, server.password(plain)) as user:
        # The account is named: its identity policies decide.
        ecr.set_repository_policy(repositoryName=image, policyText=granted("arn:aws:iam::%s:root" % THEIRS, PULL))
        assert admin.pull(image).status == 200
        denied(admin.push(image, "x"), "no resource-based policy")
        denied(user.pull(image), "no identity-based policy allows the ecr:BatchGetImage action")
        # The user itself is named: across accounts that is not enough either.
        ecr.set_repository_policy(repositoryName=image, policyText=granted("arn:aws:iam::%s:user/%s-plain" % (THEIRS, image), PULL))
        denied(user.pull(image), "no identity-based policy")
        denied(admin.pull(image), "no resource-based policy")
        iam.put_user_policy(UserName=image + "-plain", PolicyName="pull", PolicyDocument=document(allow(PULL, repository_arn(image))))
        assert user.pull(image).status == 200
        # Its boundary, and a Deny on either side.
        iam.put_user_permissions_boundary(UserName=image + "-plain", PermissionsBoundary="arn:aws:iam::aws:policy/AmazonECS_FullAccess")
        denied(user.pull(image), "no permissions boundary allows")
        iam.delete_user_permissions_boundary(UserName=image + "-plain")
        assert user.pull(image).status == 200
        ecr.set_repository_policy(repositoryName=image, policyText=granted(THEIRS, "ecr:*", "Deny"))
        denied(user.pull(image), "with an explicit deny in a resource-based policy")
        ecr.delete_repository_policy(repositoryName=image)
        denied(user.pull(image), "no resource-based policy")


def test_a_push_to_another_account(server, ecr, theirs, image):
    ecr.set_repository_policy(repositoryName=image, policyText=granted(THEIRS, PUSH + PULL))
    with Registry(server, MINE, server.password(theirs)) as registry:
        assert registry.push(image, "from the other", "v2").status == 201
        assert registry.pull(image, "v2").status == 200
        denied(registry.ask("DELETE", "/v2/%s/manifests/v2" % image), "ecr:BatchDeleteImage")
    with Registry(server, MINE, server.password()) as registry:
        assert registry.pull(image, "v2").status == 200
    they = server.boto("ecr", theirs)
    assert they.batch_get_image(registryId=MINE, repositoryName=image, imageIds=[{"imageTag": "v2"}])["images"]
    with Refused("RepositoryNotFoundException", THEIRS):
        they.batch_get_image(repositoryName=image, imageIds=[{"imageTag": "v2"}])


def test_anonymous_and_public_at_an_accounts_host(server, theirs, image):
    server.slipway("repo", "create", image + "-public", "--public")
    with Registry(server, MINE, server.password()) as registry:
        assert registry.push(image + "-public", "for all").status == 201
    with Registry(server, MINE, None) as registry:
        assert registry.pull(image).status == 401
        assert registry.pull(image + "-public").status == 200
    with Registry(server, MINE, server.password(theirs)) as registry:
        assert registry.pull(image + "-public").status == 200
        denied(registry.push(image + "-public", "x"), repository_arn(image + "-public"))
    with Registry(server, "999999999999", server.password()) as registry:
        denied(registry.pull(image), "arn:aws:ecr:us-east-1:999999999999:repository/" + image)
    with Registry(server, MINE, server.password(), "eu-west-1") as registry:
        assert registry.pull(image).status == 404


def test_roles_across_accounts(server, theirs, image):
    iam, sts = server.boto("iam", validate=False), server.boto("sts", theirs)
    arn = iam.create_role(RoleName=image, AssumeRolePolicyDocument=document(
        {"Effect": "Allow", "Principal": {"AWS": MINE}, "Action": "sts:AssumeRole"}))["Role"]["Arn"]
    iam.put_role_policy(RoleName=image, PolicyName="p", PolicyDocument=document(allow("ecr:*")))
    with Refused("AccessDenied", "sts:AssumeRole"):
        sts.assume_role(RoleArn=arn, RoleSessionName="s1")
    iam.update_assume_role_policy(RoleName=image, PolicyDocument=document(
        {"Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::%s:user/their-admin" % THEIRS}, "Action": "sts:AssumeRole",
         "Condition": {"StringEquals": {"sts:ExternalId": "deal-1"}}}))
    with Refused("AccessDenied", "sts:AssumeRole"):
        sts.assume_role(RoleArn=arn, RoleSessionName="s1")
    c = sts.assume_role(RoleArn=arn, RoleSessionName="s1", ExternalId="deal-1")["Credentials"]
    key = (c["AccessKeyId"], c["SecretAccessKey"], c["SessionToken"])
    assert server.boto("sts", key).get_caller_identity()["Account"] == MINE
    with Registry(server, MINE, server.password(key)) as registry:
        assert registry.pull(image).status == 200
    # A user of theirs that its own account does not let assume roles.
    iam_there = server.boto("iam", theirs, validate=False)
    iam_there.create_user(UserName=image)
    k = iam_there.create_access_key(UserName=image)["AccessKey"]
    iam.update_assume_role_policy(RoleName=image, PolicyDocument=document(
        {"Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::%s:user/%s" % (THEIRS, image)}, "Action": "sts:AssumeRole"}))
    with Refused("AccessDenied", "no identity-based policy allows the sts:AssumeRole action"):
        server.boto("sts", (k["AccessKeyId"], k["SecretAccessKey"])).assume_role(RoleArn=arn, RoleSessionName="s1")


def test_the_server_is_of_its_own_account(server, theirs, image, tmp_path):
    """What is about all accounts: folders, storage, policy files."""
    env = server.env(SLIPWAY_ENDPOINT=server.endpoint, AWS_ACCESS_KEY_ID=theirs[0], AWS_SECRET_ACCESS_KEY=theirs[1])
    for argv in (["gc"], ["fsck"], ["backup", str(tmp_path / "copy")], ["policy", "reload"]):
        p = server.slipway(*argv, check=False, env=env)
        assert p.returncode != 0 and "own account" in p.stderr, (argv, p.stdout, p.stderr)
    assert server.slipway("gc").returncode == 0


def test_iam_keeps_to_its_account(server, theirs, name):
    iam, they = server.boto("iam", validate=False), server.boto("iam", theirs, validate=False)
    mine = iam.create_policy(PolicyName=name, PolicyDocument=document(allow("ecr:*")))["Policy"]["Arn"]
    iam.create_role(RoleName=name, AssumeRolePolicyDocument=document(
        {"Effect": "Allow", "Principal": {"Service": "ecs-tasks.amazonaws.com"}, "Action": "sts:AssumeRole"}))
    assert they.list_policies(Scope="Local")["Policies"] == []
    assert name not in [x["RoleName"] for x in they.list_roles()["Roles"]]
    they.create_user(UserName=name)
    for call, more in ((they.get_policy, {}), (they.delete_policy, {}), (they.attach_user_policy, {"UserName": name}),
                       (they.put_user_permissions_boundary, {"UserName": name})):
        argument = "PermissionsBoundary" if call == they.put_user_permissions_boundary else "PolicyArn"
        with pytest.raises(ClientError) as e:
            call(**dict(more, **{argument: mine}))
        assert e.value.response["Error"]["Code"] in ("AccessDenied", "NoSuchEntity", "InvalidInput", "ValidationError"), e.value
    with Refused("NoSuchEntity"):
        they.get_role(RoleName=name)
    assert iam.get_policy(PolicyArn=mine)["Policy"]["AttachmentCount"] == 0
    assert they.get_user(UserName=name)["User"]["Arn"] == "arn:aws:iam::%s:user/%s" % (THEIRS, name)
    with Refused("NoSuchEntity"):
        iam.get_user(UserName=name)


def test_ecs_keeps_to_its_account(server, theirs, name):
    ecs, they = server.boto("ecs"), server.boto("ecs", theirs)
    arn = ecs.create_cluster(clusterName=name)["cluster"]["clusterArn"]
    definition = ecs.register_task_definition(family=name, containerDefinitions=[{"name": "a", "image": "b", "memory": 16}])[
        "taskDefinition"]["taskDefinitionArn"]
    assert arn not in they.list_clusters()["clusterArns"]
    assert they.list_task_definitions()["taskDefinitionArns"] == []
    for call, arguments in ((they.describe_task_definition, {"taskDefinition": definition}), (they.delete_cluster, {"cluster": arn}),
                            (they.deregister_task_definition, {"taskDefinition": definition}), (they.list_tasks, {"cluster": arn}),
                            (they.run_task, {"cluster": arn, "taskDefinition": definition}),
                            (they.tag_resource, {"resourceArn": arn, "tags": [{"key": "a", "value": "b"}]})):
        with pytest.raises(ClientError) as e:
            call(**arguments)
        assert e.value.response["ResponseMetadata"]["HTTPStatusCode"] == 400, e.value
    try:
        found = they.describe_clusters(clusters=[arn])
        assert found["clusters"] == [] and len(found["failures"]) == 1
    except ClientError as e:
        assert e.response["Error"]["Code"] in ("AccessDeniedException", "ClusterNotFoundException"), e
    assert ecs.describe_clusters(clusters=[arn])["clusters"][0]["status"] == "ACTIVE"
    # A role of the one cannot be passed to a task of the other.
    iam = server.boto("iam", validate=False)
    role = iam.create_role(RoleName=name, AssumeRolePolicyDocument=document(
        {"Effect": "Allow", "Principal": {"Service": "ecs-tasks.amazonaws.com"}, "Action": "sts:AssumeRole"}))["Role"]["Arn"]
    with Refused("AccessDeniedException", "no resource-based policy allows the iam:PassRole action"):
        they.register_task_definition(family=name, taskRoleArn=role, containerDefinitions=[{"name": "a", "image": "b", "memory": 16}])
    ecs.register_task_definition(family=name, taskRoleArn=role, containerDefinitions=[{"name": "a", "image": "b", "memory": 16}])


def test_policies_of_repositories_are_about_who_was_meant(server, ecr, image, name):
    """The name of a user who is gone gives the next who has it nothing; who is renamed keeps it."""
    iam = server.boto("iam")

    def user(who):
        made = iam.create_user(UserName=who)["User"]
        iam.put_user_policy(UserName=who, PolicyName="login", PolicyDocument=document(allow("ecr:GetAuthorizationToken")))
        key = iam.create_access_key(UserName=who)["AccessKey"]
        return made, (key["AccessKeyId"], key["SecretAccessKey"])

    def pulls(key):
        with Registry(server, MINE, server.password(key)) as registry:
            return registry.pull(image).status

    who = name.replace("/", "-")
    made, key = user(who)
    ecr.set_repository_policy(repositoryName=image, policyText=granted(made["Arn"], PULL))
    assert pulls(key) == 200
    iam.update_user(UserName=who, NewUserName=who + "-2")
    assert made["UserId"] in ecr.get_repository_policy(repositoryName=image)["policyText"]
    assert pulls(key) == 200
    assert pulls(user(who)[1]) == 403


def test_explaining_tells_no_others_policy(server, theirs, ecr, image):
    """The statements of another account's repository are for who may read them."""
    def explain():
        env = dict(server.env(SLIPWAY_ENDPOINT=server.endpoint), AWS_ACCESS_KEY_ID=theirs[0], AWS_SECRET_ACCESS_KEY=theirs[1])
        return server.slipway("policy", "explain", "--principal", "their-admin", "--action", "ecr:BatchGetImage", "--resource",
                              repository_arn(image), env=env, check=False)
    ecr.set_repository_policy(repositoryName=image, policyText=granted("arn:aws:iam::%s:root" % THEIRS, PULL, Sid="Hidden"))
    p = explain()
    assert p.returncode == 1 and "ecr:GetRepositoryPolicy" in p.stderr and "Hidden" not in p.stdout + p.stderr, p
    ecr.set_repository_policy(repositoryName=image, policyText=granted(
        "arn:aws:iam::%s:root" % THEIRS, PULL + ["ecr:GetRepositoryPolicy"], Sid="Shown"))
    p = explain()
    assert p.returncode == 0 and p.stdout.startswith("allowed"), p
