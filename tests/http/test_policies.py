# SPDX-License-Identifier: Apache-2.0
"""Teams and policies as operators set them up and docker meets them."""
import json
import os
import re
import signal

import pytest

from support import images
from support import run as r

SOURCE = os.environ["SLIPWAY_SOURCE_DIR"]
POLICY = "2012-10-17"


def readme_blocks():
    with open(os.path.join(SOURCE, "README.md"), encoding="utf-8") as f:
        section = f.read().split("## Teams and policies")[1].split("**What works now**")[0]
    return re.findall(r"```bash\n(.*?)```", section, re.S)


def as_here(block, server):
    """The block with this server's address and folder; aliases work in scripts when told so."""
    text = block.replace("127.0.0.1:5000", server.host_port).replace("/var/lib/slipway", server.data)
    return "set -e\nshopt -s expand_aliases\n" + text


def allow(*actions, resource="*", **more):
    return json.dumps({"Version": POLICY, "Statement": [
        dict({"Effect": "Allow", "Action": list(actions), "Resource": resource}, **more)]})


@pytest.fixture(scope="module")
def team(server, dockerd, busybox_image, tmp_path_factory):
    """The server after both blocks of the README."""
    folder = str(tmp_path_factory.mktemp("team"))
    blocks = readme_blocks()
    assert len(blocks) == 2
    os.symlink(os.path.join(SOURCE, "conf"), os.path.join(folder, "conf"))
    tools = os.path.join(folder, "bin")
    os.mkdir(tools)
    os.symlink(os.environ["SLIPWAY_BIN"], os.path.join(tools, "slipway"))
    tag = server.host_port + "/team-a/app:v1"
    dockerd.run("load", "--input", images.docker_archive(os.path.join(folder, "image.tar"), busybox_image, tag))
    env = dict(dockerd.env(), AWS_PAGER="", SLIPWAY_DATA=server.data)
    env["PATH"] = tools + ":" + env["PATH"]
    # The last command of the first block asks about something that is denied, and says so by its status.
    first = r.run(["bash", "-c", as_here(blocks[0], server)], env=env, cwd=folder, check=False)
    second = r.run(["bash", "-c", as_here(blocks[1], server)], env=env, cwd=folder)
    return {"folder": folder, "env": env, "first": first, "second": second, "tag": tag}


def key_of(team, name):
    with open(os.path.join(team["folder"], name + "-credentials"), encoding="utf-8") as f:
        words = dict(line.split(" = ") for line in f.read().splitlines() if " = " in line)
    return words["aws_access_key_id"], words["aws_secret_access_key"]


def password_of(server, team, name):
    env = r.clean_env(server.home, SLIPWAY_DATA=server.data,
                      AWS_SHARED_CREDENTIALS_FILE=os.path.join(team["folder"], name + "-credentials"))
    return server.slipway("get-login-password", env=env).stdout.strip()


def login(dockerd, server, team, name):
    dockerd.run("login", "--username", "AWS", "--password-stdin", server.host_port,
                stdin=password_of(server, team, name))


def test_the_readme_works_as_written(server, team):
    first, second = team["first"], team["second"]
    assert "no errors, 0 warnings" in first.stdout, first
    assert "policy files of %s/policies loaded" % server.data in first.stdout
    assert "Login Succeeded" in first.stdout
    assert "v1: digest: sha256:" in first.stdout
    assert "implicitDeny: implicitly denied: no identity-based policy allows ecr:BatchDeleteImage" in first.stdout
    assert first.returncode == 1
    assert '"Arn": "arn:aws:sts::000000000000:assumed-role/ci-b/build-1"' in second.stdout


def test_ci_pushes_below_its_prefix_only(server, dockerd, team):
    login(dockerd, server, team, "ci")
    other = server.host_port + "/other/app:v1"
    server.create_repository("other/app")
    dockerd.run("tag", team["tag"], other)
    p = dockerd.run("push", other, check=False)
    assert p.returncode != 0
    assert "not authorized to perform: ecr:" in p.stderr + p.stdout
    assert "repository/other/app" in p.stderr + p.stdout


def test_ci_cannot_move_a_version_but_other_tags(server, dockerd, team, tmp_path):
    login(dockerd, server, team, "ci")
    changed = images.Image([images.layer([("changed", b"1", 0o644)])])
    dockerd.run("load", "--input", images.docker_archive(str(tmp_path / "changed.tar"), changed, team["tag"]))
    p = dockerd.run("push", team["tag"], check=False)
    assert p.returncode != 0
    assert "immutable" in (p.stderr + p.stdout).lower()
    latest = server.host_port + "/team-a/app:latest"
    dockerd.run("tag", team["tag"], latest)
    dockerd.run("push", latest)
    again = images.Image([images.layer([("changed", b"2", 0o644)])])
    dockerd.run("load", "--input", images.docker_archive(str(tmp_path / "again.tar"), again, latest))
    dockerd.run("push", latest)


def test_ci_cannot_delete(server, team):
    ecr = server.boto("ecr", key=key_of(team, "ci"))
    with pytest.raises(ecr.exceptions.ClientError) as e:
        ecr.batch_delete_image(repositoryName="team-a/app", imageIds=[{"imageTag": "v1"}])
    assert e.value.response["Error"]["Code"] == "AccessDeniedException"
    assert "ecr:BatchDeleteImage" in str(e.value) and "user/ci" in str(e.value)


def test_a_developer_pulls_but_does_not_push(server, dockerd, team):
    login(dockerd, server, team, "dev")
    dockerd.run("rmi", "--force", team["tag"])
    dockerd.run("pull", team["tag"])
    p = dockerd.run("push", team["tag"], check=False)
    assert p.returncode != 0 and "ecr:" in p.stderr + p.stdout


def test_the_public_repository_needs_no_login(server, team, busybox_image):
    with server.http() as http:
        busybox_image.push(http, "open/tool", "v1")
    with server.http(password=None) as nobody:
        assert nobody.get("/v2/open/tool/manifests/v1").status == 200
        assert nobody.get("/v2/team-a/app/manifests/v1").status == 401


def test_the_catalog_is_what_one_may_see(server, team):
    server.create_repository("hidden/app")
    with server.http(password=password_of(server, team, "ci")) as ci:
        names = ci.get("/v2/_catalog").json()["repositories"]
    assert "team-a/app" in names and "hidden/app" not in names


def test_the_audit_log_names_the_statement(server, team):
    iam = server.boto("iam")
    iam.create_user(UserName="locked")
    iam.put_user_policy(UserName="locked", PolicyName="stop", PolicyDocument=json.dumps({"Version": POLICY, "Statement": [
        {"Effect": "Allow", "Action": "ecr:*", "Resource": "*"},
        {"Sid": "NoDeletes", "Effect": "Deny", "Action": "ecr:Delete*", "Resource": "*"}]}))
    key = iam.create_access_key(UserName="locked")["AccessKey"]
    ecr = server.boto("ecr", key=(key["AccessKeyId"], key["SecretAccessKey"]))
    with pytest.raises(ecr.exceptions.ClientError) as e:
        ecr.delete_repository(repositoryName="team-a/app")
    assert "with an explicit deny in an identity-based policy" in str(e.value)
    line = r.wait_for(lambda: next((one for one in map(json.loads, open(os.path.join(server.data, "audit.log"), encoding="utf-8"))
                                    if "NoDeletes" in one.get("why", "")), None), 10, 0.1, "audit line")
    assert line["action"] == "ecr:DeleteRepository" and line["outcome"] == "denied"
    assert "stop" in line["why"]
    p = server.slipway("policy", "explain", "--principal", "locked", "--action", "ecr:DeleteRepository", "--resource",
                       "arn:aws:ecr:us-east-1:000000000000:repository/team-a/app", check=False)
    assert p.returncode == 1 and "NoDeletes" in p.stdout


def test_who_may_be_explained_is_decided_by_arn(server, team):
    iam = server.boto("iam")
    iam.create_user(UserName="curious")
    iam.create_user(UserName="hidden", Path="/secret/")
    iam.put_user_policy(UserName="curious", PolicyName="own", PolicyDocument=json.dumps({"Version": POLICY, "Statement": [
        {"Effect": "Allow", "Action": "slipway:ExplainPolicy", "Resource": "*"},
        {"Effect": "Deny", "Action": "slipway:ExplainPolicy", "Resource": "arn:aws:iam::*:user/secret/*"}]}))
    key = iam.create_access_key(UserName="curious")["AccessKey"]
    env = server.env(SLIPWAY_ENDPOINT=server.endpoint, AWS_ACCESS_KEY_ID=key["AccessKeyId"],
                     AWS_SECRET_ACCESS_KEY=key["SecretAccessKey"])
    for principal, told in (("curious", "implicitly denied"), ("hidden", "explicit deny"), ("HIDDEN", "explicit deny"),
                            ("nobody", "no user or role"),
                            ("arn:aws:iam::000000000000:user/secret/hidden", "explicit deny")):
        p = server.slipway("policy", "explain", "--principal", principal, "--action", "ecr:ListImages", "--resource", "*",
                           check=False, env=env)
        assert p.returncode != 0 and told in p.stdout + p.stderr, (principal, p.stdout, p.stderr)


def test_the_servers_own_operations_ask_about_what_is_meant(server, team, tmp_path):
    """Names in other letters and without their paths, and what a repository's own policy and tags say."""
    iam, ecr = server.boto("iam"), server.boto("ecr")
    iam.create_user(UserName="helper")
    iam.put_user_policy(UserName="helper", PolicyName="own", PolicyDocument=json.dumps({"Version": POLICY, "Statement": [
        {"Effect": "Allow", "Action": ["iam:*", "slipway:*", "ecr:*"], "Resource": "*"},
        {"Effect": "Deny", "Action": ["iam:*", "slipway:*"], "Resource": [
            "arn:aws:iam::*:user/admin", "arn:aws:iam::*:user/guarded/*", "arn:aws:iam::*:user/robot/guard",
            "arn:aws:iam::*:oidc-provider/Guarded.example.com"]},
        {"Effect": "Deny", "Action": "ecr:*", "Resource": "*", "Condition": {"StringEquals": {"aws:ResourceTag/guarded": "yes"}}}]}))
    key = iam.create_access_key(UserName="helper")["AccessKey"]
    env = server.env(SLIPWAY_ENDPOINT=server.endpoint, AWS_ACCESS_KEY_ID=key["AccessKeyId"],
                     AWS_SECRET_ACCESS_KEY=key["SecretAccessKey"])
    iam.create_user(UserName="warden", Path="/guarded/")
    server.slipway("robot", "add", "guard", "--scopes", "team-a/*:pull")
    iam.create_open_id_connect_provider(Url="https://Guarded.example.com", ClientIDList=["c"], ThumbprintList=[])
    jwks = tmp_path / "jwks.json"
    jwks.write_text(json.dumps({"keys": [{"kty": "EC", "crv": "P-256", "x": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",
                                          "y": "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}]}))
    ecr.create_repository(repositoryName="guarded/tag", tags=[{"Key": "guarded", "Value": "yes"}])
    ecr.create_repository(repositoryName="guarded/policy")
    ecr.set_repository_policy(repositoryName="guarded/policy", force=True, policyText=json.dumps({
        "Version": POLICY, "Statement": {"Effect": "Deny", "Principal": "*", "Action": "ecr:SetRepositoryPolicy"}}))
    for argv in (["user", "key", "Admin"], ["user", "key", "warden"], ["user", "delete", "WARDEN"], ["robot", "rotate", "Guard"],
                 ["robot", "remove", "GUARD"], ["oidc", "keys", "https://guarded.example.com", "--jwks", str(jwks)],
                 ["repo", "set", "guarded/tag", "--public"], ["repo", "set", "guarded/policy", "--public"],
                 ["lifecycle", "preview", "guarded/tag"]):
        p = server.slipway(*argv, check=False, env=env)
        assert p.returncode != 0 and "explicit deny" in p.stderr, (argv, p.stdout, p.stderr)
    iam.create_user(UserName="free", Path="/free/")
    assert "AKIA" in server.slipway("user", "key", "free", env=env).stdout


def test_conditions_on_tags_and_on_the_address(server, team):
    iam, ecr = server.boto("iam"), server.boto("ecr")
    ecr.create_repository(repositoryName="tagged/a", tags=[{"Key": "team", "Value": "a"}])
    ecr.create_repository(repositoryName="tagged/b", tags=[{"Key": "team", "Value": "b"}])
    iam.create_user(UserName="tagger", Tags=[{"Key": "team", "Value": "a"}])
    iam.put_user_policy(UserName="tagger", PolicyName="own", PolicyDocument=allow(
        "ecr:*", Condition={"StringEquals": {"aws:ResourceTag/team": "${aws:PrincipalTag/team}"},
                            "IpAddress": {"aws:SourceIp": "127.0.0.0/8"}}))
    key = iam.create_access_key(UserName="tagger")["AccessKey"]
    mine = server.boto("ecr", key=(key["AccessKeyId"], key["SecretAccessKey"]))
    mine.list_images(repositoryName="tagged/a")
    with pytest.raises(mine.exceptions.ClientError) as e:
        mine.list_images(repositoryName="tagged/b")
    assert e.value.response["Error"]["Code"] == "AccessDeniedException"


def test_passing_a_role_is_a_right_of_its_own(server, team):
    iam = server.boto("iam")
    iam.create_user(UserName="launcher")
    iam.put_user_policy(UserName="launcher", PolicyName="ecs", PolicyDocument=allow("ecs:*"))
    key = iam.create_access_key(UserName="launcher")["AccessKey"]
    ecs = server.boto("ecs", key=(key["AccessKeyId"], key["SecretAccessKey"]))
    definition = {"family": "passed", "taskRoleArn": "arn:aws:iam::000000000000:role/task",
                  "containerDefinitions": [{"name": "a", "image": "x", "memory": 64}]}
    with pytest.raises(ecs.exceptions.ClientError) as e:
        ecs.register_task_definition(**definition)
    assert "iam:PassRole on resource: arn:aws:iam::000000000000:role/task" in str(e.value)
    iam.put_user_policy(UserName="launcher", PolicyName="pass", PolicyDocument=allow(
        "iam:PassRole", resource="arn:aws:iam::000000000000:role/task",
        Condition={"StringEquals": {"iam:PassedToService": "ecs-tasks.amazonaws.com"}}))
    ecs.register_task_definition(**definition)
    with pytest.raises(ecs.exceptions.ClientError) as e:
        ecs.register_task_definition(**dict(definition, executionRoleArn="arn:aws:iam::000000000000:role/other"))
    assert "iam:PassRole" in str(e.value)


def test_conditions_of_ecs(server, team):
    iam, admin = server.boto("iam"), server.boto("ecs")
    admin.create_cluster(clusterName="blue")
    admin.create_cluster(clusterName="green", tags=[{"key": "stage", "value": "test"}])
    admin.register_task_definition(family="plain", cpu="256", memory="64",
                                   containerDefinitions=[{"name": "a", "image": "x"}])
    iam.create_user(UserName="conditional")
    iam.put_user_policy(UserName="conditional", PolicyName="p", PolicyDocument=json.dumps({"Version": POLICY, "Statement": [
        {"Effect": "Allow", "Action": "ecs:RunTask", "Resource": "*", "Condition": {
            "ArnEquals": {"ecs:cluster": "arn:aws:ecs:*:*:cluster/green"}, "NumericLessThanEquals": {"ecs:task-cpu": "512"}}},
        {"Effect": "Allow", "Action": "ecs:DescribeClusters", "Resource": "*", "Condition": {
            "StringEquals": {"ecs:ResourceTag/stage": "test"}}},
        {"Effect": "Allow", "Action": ["ecs:CreateCluster", "ecs:TagResource"], "Resource": "*", "Condition": {
            "StringEquals": {"aws:RequestTag/owner": "c"}}}]}))
    key = iam.create_access_key(UserName="conditional")["AccessKey"]
    ecs = server.boto("ecs", key=(key["AccessKeyId"], key["SecretAccessKey"]))

    def code(call, **args):
        try:
            call(**args)
        except ecs.exceptions.ClientError as e:
            return e.response["Error"]["Code"]
        return None

    assert code(ecs.run_task, cluster="blue", taskDefinition="plain") == "AccessDeniedException"
    assert code(ecs.run_task, cluster="green", taskDefinition="plain") == "InvalidParameterException"  # no instances
    assert code(ecs.run_task, cluster="green", taskDefinition="plain", overrides={"cpu": "1024"}) == "AccessDeniedException"
    assert code(ecs.describe_clusters, clusters=["green"]) is None
    assert code(ecs.describe_clusters, clusters=["blue"]) == "AccessDeniedException"
    assert code(ecs.create_cluster, clusterName="c1") == "AccessDeniedException"
    assert code(ecs.create_cluster, clusterName="c1", tags=[{"key": "owner", "value": "c"}]) is None
    assert admin.list_tags_for_resource(resourceArn="arn:aws:ecs:us-east-1:000000000000:cluster/c1")["tags"] == \
        [{"key": "owner", "value": "c"}]


def test_broken_files_change_nothing_and_are_told(server, team):
    path = os.path.join(server.data, "policies", "broken.json")
    with open(path, "w", encoding="utf-8") as f:
        f.write('{"UserName": "new",\n "GroupLst": []}')
    try:
        p = server.slipway("policy", "reload", check=False)
        assert p.returncode == 1
        assert "broken.json:2:2: error: unknown member \"GroupLst\", did you mean \"GroupList\"?" in p.stdout
        assert "new" not in server.slipway("user", "list").stdout
        p = server.slipway("policy", "check", path, check=False)
        assert p.returncode == 1 and "broken.json:2:2" in p.stdout
    finally:
        os.unlink(path)


def test_a_hangup_takes_up_changed_files(server, team):
    path = os.path.join(server.data, "policies", "later.json")
    with open(path, "w", encoding="utf-8") as f:
        f.write('{"UserName": "later"}')
    server.process.send_signal(signal.SIGHUP)
    r.wait_for(lambda: "later" in server.slipway("user", "list").stdout, 10, 0.1, "the user of the file")
    os.unlink(path)
    server.process.send_signal(signal.SIGHUP)
    r.wait_for(lambda: "later" not in server.slipway("user", "list").stdout, 10, 0.1, "the user to go")


def test_a_server_does_not_start_with_broken_files(tmp_path):
    folder = tmp_path / "policies"
    folder.mkdir()
    (folder / "x.json").write_text('{"Statement": [{"Effect": "Allow"}]}')
    p = r.run([r.BIN, "serve", "--data", str(tmp_path / "data"), "--listen", "127.0.0.1:0", "--policies", str(folder)],
              env=r.clean_env(str(tmp_path)), check=False, timeout=20)
    assert p.returncode == 1
    assert "x.json" in p.stderr and '"line":1' in p.stderr


def test_the_examples_are_clean(server):
    p = server.slipway("policy", "check", "--strict", os.path.join(SOURCE, "conf", "policies"))
    assert "no errors, 0 warnings" in p.stdout
