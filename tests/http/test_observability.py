# SPDX-License-Identifier: Apache-2.0
# ctest-lock: containers
# ctest-cost: 27
"""What an operator sees: /metrics read by a strict parser, the audit log, the access log, and both rotated under load."""
import json
import os
import re
import signal

import botocore.exceptions
import pytest

from support import images
from support import run as r
from support.aws import call, signed_headers
from support.images import digest
from support.rawhttp import Http
from support.server import Server
from support.tasks import Tasks

REPO_ARN = "arn:aws:ecr:%s:%s:repository/" % (r.REGION, r.ACCOUNT)
ADMIN_ARN = "arn:aws:iam::%s:user/admin" % r.ACCOUNT
SAMPLE = re.compile(r'^([a-z_:][a-z0-9_:]*)(?:\{(.*)\})? (-?[0-9]+(?:\.[0-9]+)?)$')
LABEL = re.compile(r'([a-z_]+)="((?:[^"\\\n]|\\\\|\\"|\\n)*)"(,|$)')
TYPES = ("counter", "gauge", "histogram")


# -- the text form

def parse_labels(text):
    labels, at = {}, 0
    while at < len(text):
        m = LABEL.match(text, at)
        assert m, "bad labels: " + text
        assert m.group(1) not in labels, "a label twice: " + text
        labels[m.group(1)] = re.sub(r"\\(.)", lambda x: {"n": "\n"}.get(x.group(1), x.group(1)), m.group(2))
        at = m.end()
        assert (m.group(3) == ",") == (at < len(text)), "bad end: " + text
    return labels


def family_of(name, kind):
    return re.sub(r"_(bucket|sum|count)$", "", name) if kind == "histogram" else name


class Page:
    """Samples by (name, labels). Fails on whatever Prometheus would refuse, and on what its users would regret."""

    def __init__(self, text):
        self.samples, self.types = {}, {}
        assert text.endswith("\n")
        current, helped = None, None
        for line in text[:-1].split("\n"):
            if line.startswith("# HELP "):
                helped = line.split(" ", 3)[2]
                assert helped not in self.types, "a family twice: " + line
                continue
            if line.startswith("# TYPE "):
                current, kind = line.split(" ")[2:]
                assert current == helped and kind in TYPES, line
                self.types[current] = kind
                continue
            m = SAMPLE.match(line)
            assert m, "not a sample: %r" % line
            name, value = m.group(1), float(m.group(3))
            assert current and family_of(name, self.types[current]) == current, "outside of its family: " + line
            key = (name, frozenset(parse_labels(m.group(2) or "").items()))
            assert key not in self.samples, "twice: " + line
            self.samples[key] = value
        self._check_kinds()

    def _check_kinds(self):
        for name, kind in self.types.items():
            assert (kind == "counter") == name.endswith("_total"), name
        for (name, labels), value in self.samples.items():
            if not name.endswith("_bucket"):
                continue
            rest = frozenset(x for x in labels if x[0] != "le")
            of_series = sorted((float(dict(k)["le"].replace("+Inf", "inf")), v) for (n, k), v in self.samples.items()
                               if n == name and frozenset(x for x in k if x[0] != "le") == rest)
            counts = [v for _, v in of_series]
            assert counts == sorted(counts), "buckets must grow: %s %s" % (name, rest)
            assert counts[-1] == self.samples[(name[:-7] + "_count", rest)]
            assert len(of_series) == 17 and of_series[0][0] == 0.0005 and of_series[-2][0] == 60
            assert value >= 0

    def get(self, metric, default=None, **labels):
        return self.samples.get((metric, frozenset(labels.items())), default)

    def requests(self, **labels):
        return sum(v for (n, k), v in self.samples.items()
                   if n == "slipway_http_requests_total" and set(labels.items()) <= set(k))


def scrape(server):
    with Http(server.host_port) as h:
        reply = h.get("/metrics")
    assert reply.status == 200, reply
    assert reply.header("Content-Type") == "text/plain; version=0.0.4; charset=utf-8"
    return Page(reply.body.decode())


def scrape_until(server, condition, seconds=5, what="numbers"):
    """A request is counted just after its answer; what comes from the database is up to ten seconds old."""
    def look():
        page = scrape(server)
        return page if condition(page) else None
    return r.wait_for(look, seconds, 0.1, what)


# -- the logs

def lines(path):
    with open(path, encoding="utf-8") as f:
        text = f.read()
    assert text == "" or text.endswith("\n")
    return [json.loads(line) for line in text.splitlines()]


def audit(server, path=None, seconds=5, **members):
    """The lines with these members, at least one."""
    def look():
        return [x for x in lines(path or os.path.join(server.data, "audit.log"))
                if all(x.get(k) == v for k, v in members.items())]
    return r.wait_for(look, seconds, 0.05, "audit line with %r" % members)


@pytest.fixture(scope="module")
def observed(tmp_path_factory):
    folder = tmp_path_factory.mktemp("logs")
    s = Server("serve", ["--access-log", str(folder / "access.log"), "--create-on-push"])
    s.access_log = str(folder / "access.log")
    try:
        yield s.start()
    finally:
        s.close()
        r.remove_tree(str(folder))


@pytest.fixture(scope="module")
def http(observed):
    with observed.http() as h:
        yield h


@pytest.fixture
def repo(observed, name):
    observed.create_repository(name)
    return name


def push_in_two(http, repo, data):
    """POST, then PUT, as docker ends an upload."""
    location = http.request("POST", "/v2/%s/blobs/uploads/" % repo).header("Location")
    assert http.request("PUT", "%s?digest=%s" % (location, digest(data)), data).status == 201
    return digest(data)


# -- metrics

def test_requests_are_counted_by_route_method_and_status(observed, http, repo):
    blob = b"0123456789" * 100
    name = push_in_two(http, repo, blob)
    before = scrape_until(observed, lambda p: p.requests(route="oci.upload", method="PUT", status="201") > 0)
    for _ in range(7):
        assert http.get("/v2/%s/blobs/%s" % (repo, name)).status == 200
    for _ in range(3):
        assert http.get("/v2/%s/blobs/%s" % (repo, digest(b"absent"))).status == 404
    assert http.head("/v2/%s/blobs/%s" % (repo, name)).status == 200

    def grown(page, metric, **labels):
        return page.get(metric, 0, **labels) - before.get(metric, 0, **labels)
    total = "slipway_http_requests_total"
    page = scrape_until(observed, lambda p: p.requests(route="oci.blob") - before.requests(route="oci.blob") >= 11)
    assert grown(page, total, route="oci.blob", method="GET", status="200") == 7
    assert grown(page, total, route="oci.blob", method="GET", status="404") == 3
    assert grown(page, total, route="oci.blob", method="HEAD", status="200") == 1
    assert grown(page, "slipway_http_request_duration_seconds_count", route="oci.blob") == 11
    assert 0 < grown(page, "slipway_http_request_duration_seconds_sum", route="oci.blob") < 10
    sent = grown(page, "slipway_http_sent_bytes_total", route="oci.blob")
    assert 7 * len(blob) <= sent < 7 * len(blob) + 3 * 1000
    assert page.get("slipway_http_received_bytes_total", route="oci.upload") >= len(blob)


def test_aws_calls_are_routes_by_service_and_operation(observed, name):
    ecr = observed.boto("ecr")
    before = scrape(observed)
    ecr.create_repository(repositoryName=name)
    with pytest.raises(botocore.exceptions.ClientError):
        ecr.create_repository(repositoryName=name)
    observed.boto("ecs").list_clusters()
    page = scrape_until(observed, lambda p: p.requests(route="ecs:ListClusters") > before.requests(
        route="ecs:ListClusters"))
    for status in ("200", "400"):
        assert page.requests(route="ecr:CreateRepository", method="POST", status=status) == before.requests(
            route="ecr:CreateRepository", method="POST", status=status) + 1


def test_what_a_peer_sends_never_becomes_a_label(observed, http):
    odd = "zzpeer"
    for path in ("/" + odd, "/v2/%s/%s" % (odd, odd), "/v2/%s/manifests/%s" % (odd, odd), "/metrics/" + odd):
        http.get(path)
    call(observed, "ecr", odd, b"{}")
    http.request("BREW", "/" + odd)
    page = scrape_until(observed, lambda p: p.requests(method="OTHER", status="405") > 0)
    for _, labels in page.samples:
        assert odd not in str(labels), labels
    assert page.requests(route="unknown", status="404") >= 2
    assert page.requests(route="aws", status="400") >= 1


def test_storage_is_told_by_repository(observed, http, name):
    image = images.busybox()
    for repository in (name + "/one", name + "/two"):
        image.push(http, repository, "v1")
    labels = {"account": r.ACCOUNT, "region": r.REGION, "repository": name + "/one"}
    page = scrape_until(observed, lambda p: p.get("slipway_repository_tags", **dict(labels, repository=name + "/two")),
                        25, "storage of the new repositories")
    assert page.get("slipway_repository_tags", **labels) == 1
    assert page.get("slipway_repository_manifests", **labels) == 1
    assert page.get("slipway_repository_blobs", **labels) == 2
    stored = page.get("slipway_repository_stored_bytes", **labels)
    assert stored == page.get("slipway_repository_stored_bytes", **dict(labels, repository=name + "/two"))
    assert 1000 < stored <= page.get("slipway_blob_bytes") + 10000
    assert page.get("slipway_repositories") >= 2
    assert page.get("slipway_repositories_not_listed") == 0


def test_uploads_in_progress(observed, http, repo):
    before = scrape(observed).get("slipway_uploads_open")
    location = http.request("POST", "/v2/%s/blobs/uploads/" % repo).header("Location")
    assert scrape(observed).get("slipway_uploads_open") == before + 1
    assert http.request("DELETE", location).status == 204
    assert scrape(observed).get("slipway_uploads_open") == before


def test_collections_are_counted():
    s = Server("serve", ["--collect-interval", "1s", "--collect-grace", "0s"])
    try:
        s.start()
        s.create_repository("some")
        with s.http() as h:
            images.push_blob(h, "some", b"nobody needs this")
        page = scrape_until(s, lambda p: p.get("slipway_collected_blobs_total") == 1, 20, "collection")
        assert page.get("slipway_collected_bytes_total") == len(b"nobody needs this")
        assert page.get("slipway_collected_links_total") == 1
        assert page.get("slipway_collect_runs_total") >= 1
        assert page.get("slipway_collect_failures_total") == 0
        assert page.get("slipway_collect_last_success_timestamp_seconds") > 1.6e9
    finally:
        s.close()


def test_the_process_and_the_storage(observed):
    page = scrape(observed)
    assert 1e6 < page.get("process_resident_memory_bytes") < 1e9
    assert 3 < page.get("process_open_fds") <= page.get("process_max_fds")
    assert page.get("process_start_time_seconds") > 1.6e9
    assert page.get("process_cpu_seconds_total") >= 0
    assert page.get("slipway_data_size_bytes") > page.get("slipway_data_free_bytes") > 0
    assert page.get("slipway_database_commits_total") > 0
    assert page.get("slipway_metrics_query_failures_total") == 0
    assert page.get("slipway_agents_connected") == 0
    assert [k for k in page.samples if k[0] == "slipway_build_info"]


def test_who_may_read_metrics(observed, http):
    for header in ("X-Forwarded-For", "Forwarded", "Via"):
        reply = http.get("/metrics", {header: "10.1.2.3"})
        assert reply.status == 403, reply
        assert b"slipway_" not in reply.body
    audit(observed, action="slipway:GetMetrics", outcome="denied", route="metrics")
    reply = http.request("POST", "/metrics", b"x")
    assert reply.status == 405 and reply.header("Allow") == "GET, HEAD"
    assert http.head("/metrics").status == 200
    for value, status in (("none", 404), ("all", 200)):
        s = Server("serve", ["--metrics", value])
        try:
            s.start()
            with Http(s.host_port) as h:
                assert h.get("/metrics", {"X-Forwarded-For": "10.1.2.3"}).status == status
        finally:
            s.close()


# -- audit

def test_a_push_a_pull_and_a_delete_are_audited(observed, http, repo):
    image = images.busybox()
    at_once = images.push_blob(http, repo, image.config)
    for blob in image.blobs.values():
        push_in_two(http, repo, blob)
    image.push(http, repo, "v1")
    reply = http.get("/v2/%s/manifests/v1" % repo)
    assert reply.status == 200
    name = reply.header("Docker-Content-Digest")
    layer = json.loads(reply.body)["layers"][0]["digest"]
    assert http.get("/v2/%s/blobs/%s" % (repo, layer)).status == 200
    observed.boto("ecr").batch_delete_image(repositoryName=repo, imageIds=[{"imageTag": "v1"}])
    observed.boto("ecr").delete_repository(repositoryName=repo, force=True)
    arn = REPO_ARN + repo
    for action, members in (
            ("ecr:CreateRepository", {"status": 200, "route": "ecr:CreateRepository"}),
            ("ecr:CompleteLayerUpload", {"status": 201, "digest": layer}),
            ("ecr:InitiateLayerUpload", {"status": 201, "digest": at_once}),
            ("ecr:PutImage", {"status": 201, "reference": "v1", "digest": name, "method": "PUT"}),
            ("ecr:BatchGetImage", {"status": 200, "reference": "v1", "digest": name}),
            ("ecr:GetDownloadUrlForLayer", {"status": 200, "reference": layer}),
            ("ecr:BatchDeleteImage", {"status": 200, "reference": "v1 " + name}),
            ("ecr:DeleteRepository", {"status": 200})):
        for line in audit(observed, action=action, resource=arn, **members):
            assert line["outcome"] == "allowed" and line["principal"] == ADMIN_ARN, line
            assert line["source_ip"] == "127.0.0.1" and line["access_key_id"] == observed.admin[0]
            assert re.match(r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$", line["time"])
            assert re.match(r"^[0-9a-f-]{36}$", line["request_id"])
    assert not [x for x in lines(os.path.join(observed.data, "audit.log")) if x["action"] == "ecr:UploadLayerPart"]


def test_a_push_that_makes_its_repository_says_so(observed, http, name):
    images.push_blob(http, name, b"first")
    line = audit(observed, resource=REPO_ARN + name, also="ecr:CreateRepository")[0]
    assert line["outcome"] == "allowed" and line["action"] == "ecr:InitiateLayerUpload"


def test_refusals_are_audited_with_their_reason(observed, repo):
    key = observed.add_user(repo)
    arn = "arn:aws:iam::%s:user/%s" % (r.ACCOUNT, repo)
    with pytest.raises(botocore.exceptions.ClientError):
        observed.boto("ecr", key).describe_repositories(repositoryNames=[repo])
    line = audit(observed, action="ecr:DescribeRepositories", principal=arn)[0]
    assert line["outcome"] == "denied" and line["resource"] == REPO_ARN + repo and line["access_key_id"] == key[0]
    assert "no identity-based policy allows ecr:DescribeRepositories" in line["why"]
    with Http(observed.host_port) as nobody:
        assert nobody.get("/v2/%s/manifests/v1" % repo).status == 401
    line = audit(observed, action="ecr:BatchGetImage", resource=REPO_ARN + repo, principal="anonymous")[0]
    assert line["outcome"] == "denied" and line["status"] == 401 and line["reference"] == "v1"
    audit(observed, action="iam:CreateUser", resource=arn, principal=ADMIN_ARN, outcome="allowed")
    observed.slipway("user", "delete", repo)
    audit(observed, action="iam:DeleteUser", resource=arn, principal=ADMIN_ARN, outcome="allowed")


def test_who_is_not_believed_is_audited(observed):
    assert Http(observed.host_port, "not-a-token").get("/v2/").status == 401
    line = audit(observed, action=None, outcome="denied", status=401)[0]
    assert line["principal"] == "anonymous" and line["why"]
    key = (observed.admin[0], "wrong" + observed.admin[1])
    assert call(observed, "ecr", "ListImages", b'{"repositoryName":"ab"}', key=key).status == 400
    line = audit(observed, action="ecr:ListImages", outcome="denied")[0]
    assert line["principal"] == "anonymous" and "signature" in line["why"].lower()


def test_a_bearer_token_is_audited_with_its_scopes(observed, http, repo):
    reply = http.get("/v2/token?service=ecr.amazonaws.com&scope=repository:%s:pull" % repo)
    assert reply.status == 200, reply
    line = audit(observed, request_id=reply.header("X-Request-Id"))[0]
    assert line["action"] == "ecr:GetAuthorizationToken" and line["outcome"] == "allowed"
    assert line["reference"] == "repository:%s:pull" % repo and line["principal"] == ADMIN_ARN
    assert reply.json()["token"] not in json.dumps(line)


def test_the_plain_challenge_is_no_refusal(observed):
    path = os.path.join(observed.data, "audit.log")
    with Http(observed.host_port) as nobody:
        before = len(lines(path))
        reply = nobody.get("/v2/")
        assert reply.status == 401
        later = nobody.get("/v2/_catalog")
        assert later.status == 401
    audit(observed, request_id=later.header("X-Request-Id"))
    assert not [x for x in lines(path)[before:] if x["request_id"] == reply.header("X-Request-Id")]


def test_what_failed_is_no_success(observed, http, repo):
    assert http.get("/v2/%s/manifests/absent" % repo).status == 404
    assert audit(observed, resource=REPO_ARN + repo, reference="absent")[0]["outcome"] == "failed"


def test_a_mounted_blob_is_audited(observed, http, repo, name):
    blob = images.push_blob(http, repo, b"mounted " + repo.encode())
    other = name + "/m"
    observed.create_repository(other)
    reply = http.request("POST", "/v2/%s/blobs/uploads/?mount=%s&from=%s" % (other, blob, repo))
    assert reply.status == 201
    line = audit(observed, resource=REPO_ARN + other, digest=blob)[0]
    assert line["action"] == "ecr:InitiateLayerUpload" and line["outcome"] == "allowed"


def test_task_definitions_are_audited(observed, name):
    ecs = observed.boto("ecs")
    ecs.register_task_definition(family=name, containerDefinitions=[{"name": "a", "image": "i", "memory": 16}])
    assert audit(observed, action="ecs:RegisterTaskDefinition", reference=name + ":1")[0]["outcome"] == "allowed"
    with pytest.raises(botocore.exceptions.ClientError):
        ecs.run_task(taskDefinition=name)  # no agent is here
    line = audit(observed, action="ecs:RunTask")[-1]
    assert line["resource"].endswith("task-definition/%s:1" % name) and line["outcome"] == "failed"


def test_a_task_is_audited_by_its_id(up, name):
    tasks = Tasks(up)
    arn = tasks.start(name, {"command": "sleep 60"})
    line = audit(up, action="ecs:RunTask", reference=arn.rsplit("/", 1)[1])[0]
    assert line["outcome"] == "allowed" and line["principal"] == ADMIN_ARN
    page = scrape_until(up, lambda p: p.get("slipway_tasks", status="RUNNING") == 1, 40, "a running task")
    assert page.get("slipway_agents_connected") == 1 and page.get("slipway_container_instances") == 1
    tasks.stop(arn)
    assert audit(up, action="ecs:StopTask", resource=arn)[0]["outcome"] == "allowed"
    assert audit(up, action="ecs:RegisterContainerInstance")[0]["principal"].endswith("user/slipway-agent")


def test_the_first_start_is_audited(observed):
    line = lines(os.path.join(observed.data, "audit.log"))[0]
    assert line["principal"] == "slipway" and line["action"] == "iam:CreateUser" and line["resource"] == ADMIN_ARN


def test_only_its_owner_reads_the_audit_log(observed):
    assert os.stat(os.path.join(observed.data, "audit.log")).st_mode & 0o777 == 0o600


def test_advisory_cve_2025_48374_no_secret_is_in_any_log(observed, repo):
    key = observed.add_user("secret-" + repo)
    password = observed.password()
    with observed.http(password) as h:
        location = h.request("POST", "/v2/%s/blobs/uploads/" % repo).header("Location")
        assert h.request("DELETE", location).status == 204
    headers = signed_headers(observed, "ecr", "DescribeRegistry", b"{}")
    assert call(observed, "ecr", "DescribeRegistry", b"{}", headers=headers).status == 200
    signature = headers["Authorization"].rsplit("=", 1)[1]
    audit(observed, resource="arn:aws:iam::%s:user/secret-%s" % (r.ACCOUNT, repo))
    with open(observed.data + "/audit.log", encoding="utf-8") as f:
        audit_text = f.read()
    with open(observed.log, encoding="utf-8") as f:
        texts = audit_text + f.read()
    with open(observed.access_log, encoding="utf-8") as f:
        access_text = f.read()
    for secret in (observed.admin[1], key[1], password, signature):
        assert len(secret) > 16 and secret not in texts and secret not in access_text
    token = location.rsplit("/", 1)[1].split("?")[0]
    assert token not in audit_text


# -- access log and rotation

def test_an_access_line_for_each_request(observed, http, repo):
    reply = http.get("/v2/%s/tags/list" % repo)
    line = r.wait_for(lambda: [x for x in lines(observed.access_log)
                               if x["request_id"] == reply.header("X-Request-Id")], 5, 0.05, "access line")[0]
    assert line["route"] == "oci.tags" and line["principal"] == ADMIN_ARN and line["status"] == reply.status
    assert line["method"] == "GET" and line["peer"] == "127.0.0.1" and line["path"] == "/v2/%s/tags/list" % repo
    assert line["bytes_out"] == len(reply.body) and line["duration_us"] > 0


def test_logs_are_opened_again_on_hangup(observed, http, repo):
    names = (os.path.join(observed.data, "audit.log"), observed.access_log)
    first = http.get("/v2/%s/manifests/before" % repo)
    audit(observed, request_id=first.header("X-Request-Id"))
    for path in names:
        os.rename(path, path + ".1")
    observed.process.send_signal(signal.SIGHUP)
    for path in names:
        r.wait_for(lambda p=path: os.path.exists(p), 5, 0.02, "new " + path)
    second = http.get("/v2/%s/manifests/after" % repo)
    audit(observed, request_id=second.header("X-Request-Id"))
    r.wait_for(lambda: [x for x in lines(observed.access_log)
                        if x["request_id"] == second.header("X-Request-Id")], 5, 0.05, "access line")
    assert second.status == 404
    for path in names:
        assert not [x for x in lines(path + ".1") if x.get("request_id") == second.header("X-Request-Id")]
        assert os.stat(path).st_mode & 0o007 == 0


def test_elsewhere_or_nowhere(tmp_path):
    path = tmp_path / "elsewhere.log"
    for value in (str(path), "none"):
        s = Server("serve", ["--audit-log", value])
        try:
            s.start()
            s.create_repository("some")
            assert not os.path.exists(os.path.join(s.data, "audit.log"))
            if value != "none":
                audit(s, str(path), action="ecr:CreateRepository")
        finally:
            s.close()
    bad = r.run([r.BIN, "serve", "--data", str(tmp_path / "d"), "--audit-log", "/no/such/folder/x"],
                env=r.clean_env(str(tmp_path)), check=False, timeout=20)
    assert bad.returncode != 0 and "/no/such/folder/x" in bad.stderr
