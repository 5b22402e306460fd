# SPDX-License-Identifier: Apache-2.0
# ctest-cost: 20
"""CloudWatch Logs with boto3 and the AWS CLI: groups, streams, events, pages, patterns, retention, tags, rights, restarts."""
import http.client
import json
import os
import signal
import struct
import subprocess
import time
import zlib

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from botocore.exceptions import ClientError

from support import run as r
from support.server import Server


def now_ms():
    return int(time.time() * 1000)


@pytest.fixture(scope="module")
def logs(server):
    return server.boto("logs")


@pytest.fixture()
def group(logs, name):
    logs.create_log_group(logGroupName=name)
    logs.create_log_stream(logGroupName=name, logStreamName="s")
    return name


def put(logs, group, events, stream="s"):
    return logs.put_log_events(logGroupName=group, logStreamName=stream,
                               logEvents=[{"timestamp": t, "message": m} for t, m in events])


def code_of(call, **args):
    with pytest.raises(ClientError) as e:
        call(**args)
    return e.value.response["Error"]["Code"]


def test_groups(logs, name):
    for suffix in ("/a", "/b", "/c"):
        logs.create_log_group(logGroupName=name + suffix, tags={"k": "v"})
    assert code_of(logs.create_log_group, logGroupName=name + "/a") == "ResourceAlreadyExistsException"
    found = logs.describe_log_groups(logGroupNamePrefix=name)["logGroups"]
    assert [g["logGroupName"] for g in found] == [name + "/a", name + "/b", name + "/c"]
    assert found[0]["arn"] == "arn:aws:logs:us-east-1:000000000000:log-group:%s/a:*" % name
    assert found[0]["storedBytes"] == 0 and "retentionInDays" not in found[0]
    pages = list(logs.get_paginator("describe_log_groups").paginate(logGroupNamePrefix=name,
                                                                  PaginationConfig={"PageSize": 2}))
    assert [len(p["logGroups"]) for p in pages] == [2, 1]
    logs.delete_log_group(logGroupName=name + "/b")
    assert code_of(logs.delete_log_group, logGroupName=name + "/b") == "ResourceNotFoundException"
    found = logs.describe_log_groups(logGroupNamePattern=name)["logGroups"]
    assert [g["logGroupName"] for g in found] == [name + "/a", name + "/c"]
    assert code_of(logs.create_log_group, logGroupName="bad name") == "InvalidParameterException"


def test_streams(logs, group):
    for n in range(5):
        logs.create_log_stream(logGroupName=group, logStreamName="t/%d" % n)
    assert code_of(logs.create_log_stream, logGroupName=group, logStreamName="t/1") == "ResourceAlreadyExistsException"
    assert code_of(logs.create_log_stream, logGroupName=group + "x", logStreamName="t") == "ResourceNotFoundException"
    at = now_ms()
    for n in (3, 1, 4):
        put(logs, group, [(at + n, "x")], "t/%d" % n)
    out = logs.describe_log_streams(logGroupName=group, orderBy="LastEventTime", descending=True)["logStreams"]
    assert [s["logStreamName"] for s in out][:3] == ["t/4", "t/3", "t/1"]
    assert out[0]["firstEventTimestamp"] == out[0]["lastEventTimestamp"] == at + 4
    assert abs(out[0]["lastIngestionTime"] - now_ms()) < 60000
    pages = logs.get_paginator("describe_log_streams").paginate(logGroupName=group, logStreamNamePrefix="t/",
                                                              PaginationConfig={"PageSize": 2})
    assert [s["logStreamName"] for p in pages for s in p["logStreams"]] == ["t/%d" % n for n in range(5)]
    logs.delete_log_stream(logGroupName=group, logStreamName="t/4")
    assert code_of(logs.get_log_events, logGroupName=group, logStreamName="t/4") == "ResourceNotFoundException"
    assert code_of(logs.describe_log_streams, logGroupName=group, orderBy="LastEventTime",
                   logStreamNamePrefix="t") == "InvalidParameterException"


def test_pages_go_on_though_streams_go(logs, group):
    """As scripts do that remove old streams: those of a page are deleted before the next one is asked for."""
    at = now_ms()
    for order in ({}, {"descending": True}, {"orderBy": "LastEventTime"}, {"orderBy": "LastEventTime", "descending": True}):
        names = ["d/%d" % n for n in range(7)]
        for n, stream in enumerate(names):
            logs.create_log_stream(logGroupName=group, logStreamName=stream)
            put(logs, group, [(at - 1000 * (n // 2), "x")], stream)
        seen, token = [], {}
        while True:
            page = logs.describe_log_streams(logGroupName=group, limit=2, **order, **token)
            for stream in page["logStreams"]:
                seen.append(stream["logStreamName"])
                if stream["logStreamName"] != "s":
                    logs.delete_log_stream(logGroupName=group, logStreamName=stream["logStreamName"])
            if "nextToken" not in page:
                break
            token = {"nextToken": page["nextToken"]}
        assert sorted(seen) == names + ["s"], (order, seen)
    assert code_of(logs.describe_log_streams, logGroupName=group, nextToken="x") == "InvalidParameterException"


def test_events_forwards_and_backwards(logs, group):
    at = now_ms() - 1000
    put(logs, group, [(at + n, "line %d" % n) for n in range(100)])
    out = logs.get_log_events(logGroupName=group, logStreamName="s", startFromHead=True, limit=40)
    seen = [e["message"] for e in out["events"]]
    while True:
        more = logs.get_log_events(logGroupName=group, logStreamName="s", limit=40, nextToken=out["nextForwardToken"])
        seen += [e["message"] for e in more["events"]]
        if more["nextForwardToken"] == out["nextForwardToken"]:
            break
        out = more
    assert seen == ["line %d" % n for n in range(100)]
    assert not more["events"]
    back = logs.get_log_events(logGroupName=group, logStreamName="s", nextToken=more["nextBackwardToken"], limit=10)
    assert [e["message"] for e in back["events"]] == ["line %d" % n for n in range(90, 100)]
    out = logs.get_log_events(logGroupName=group, logStreamName="s", limit=30)
    assert [e["message"] for e in out["events"]] == ["line %d" % n for n in range(70, 100)]
    seen = []
    while True:
        more = logs.get_log_events(logGroupName=group, logStreamName="s", limit=30, nextToken=out["nextBackwardToken"])
        seen = [e["message"] for e in more["events"]] + seen
        if more["nextBackwardToken"] == out["nextBackwardToken"]:
            break
        out = more
    assert seen == ["line %d" % n for n in range(70)]
    put(logs, group, [(at + 500, "new")])
    fresh = logs.get_log_events(logGroupName=group, logStreamName="s", nextToken=logs.get_log_events(
        logGroupName=group, logStreamName="s", limit=2)["nextForwardToken"])
    assert fresh["events"] == []
    some = logs.get_log_events(logGroupName=group, logStreamName="s", startTime=at + 10, endTime=at + 12)["events"]
    assert [e["message"] for e in some] == ["line 10", "line 11"]
    assert code_of(logs.get_log_events, logGroupName=group, logStreamName="s", nextToken="x") == "InvalidParameterException"


def test_an_empty_stream_is_followed(logs, group):
    out = logs.get_log_events(logGroupName=group, logStreamName="s")
    assert out["events"] == []
    put(logs, group, [(now_ms(), "first")])
    more = logs.get_log_events(logGroupName=group, logStreamName="s", nextToken=out["nextForwardToken"])
    assert [e["message"] for e in more["events"]] == ["first"]


def test_what_put_refuses(logs, group):
    at, day = now_ms(), 86400000
    args = {"logGroupName": group, "logStreamName": "s"}

    def message(events):
        with pytest.raises(ClientError) as e:
            logs.put_log_events(logEvents=events, **args)
        assert e.value.response["Error"]["Code"] == "InvalidParameterException"
        return e.value.response["Error"]["Message"]
    one = {"timestamp": at, "message": "x"}
    assert "chronological order" in message([one, {"timestamp": at - 1, "message": "y"}])
    assert "span more than 24 hours" in message([{"timestamp": at - day - 1, "message": "y"}, one])
    assert "Upload too large" in message([{"timestamp": at, "message": "x" * 1048576}])
    assert "10000" in message([one] * 10001)
    logs.put_log_events(logEvents=[{"timestamp": at, "message": "x" * (1048576 - 26)}], **args)
    assert code_of(logs.put_log_events, logGroupName=group, logStreamName="none", logEvents=[one]) == \
        "ResourceNotFoundException"
    out = logs.put_log_events(logEvents=[{"timestamp": at - 15 * day, "message": "old"}], **args)
    assert out["rejectedLogEventsInfo"] == {"tooOldLogEventEndIndex": 1}
    out = logs.put_log_events(logEvents=[one, {"timestamp": at + day // 2, "message": "new"}], sequenceToken="any", **args)
    assert out["rejectedLogEventsInfo"] == {"tooNewLogEventStartIndex": 1}
    logs.put_retention_policy(logGroupName=group, retentionInDays=1)
    out = logs.put_log_events(logEvents=[{"timestamp": at - 2 * day, "message": "gone"}], **args)
    assert out["rejectedLogEventsInfo"] == {"expiredLogEventEndIndex": 1}


def test_filter_over_streams(logs, group):
    at = now_ms() - 5000
    for stream in ("a", "b", "c"):
        logs.create_log_stream(logGroupName=group, logStreamName=stream)
    for k, stream in enumerate(("a", "b", "c")):
        put(logs, group, [(at + 3 * n + k, "ERROR %s %d" % (stream, n) if n % 10 == 0 else "fine %d" % n)
                          for n in range(200)], stream)
    pages = logs.get_paginator("filter_log_events").paginate(logGroupName=group, filterPattern="ERROR -c",
                                                           PaginationConfig={"PageSize": 7})
    events = [e for p in pages for e in p["events"]]
    assert [e["message"] for e in events] == ["ERROR %s %d" % (s, n) for n in range(0, 200, 10) for s in "ab"]
    assert len({e["eventId"] for e in events}) == 40 and {e["logStreamName"] for e in events} == {"a", "b"}
    out = logs.filter_log_events(logGroupName=group, logStreamNamePrefix="c", startTime=at + 2, endTime=at + 5)["events"]
    assert [e["message"] for e in out] == ["ERROR c 0", "fine 1"]
    out = logs.filter_log_events(logGroupName=group, logStreamNames=["a"], filterPattern="?ERROR ?199")["events"]
    assert len(out) == 21
    put(logs, group, [(now_ms(), json.dumps({"level": "warn", "code": n})) for n in (1, 2, 3)])
    out = logs.filter_log_events(logGroupName=group, filterPattern='{ $.level = "warn" && $.code >= 2 }')["events"]
    assert [json.loads(e["message"])["code"] for e in out] == [2, 3]
    assert code_of(logs.filter_log_events, logGroupName=group, filterPattern="{ $.a") == "InvalidParameterException"
    assert code_of(logs.filter_log_events, logGroupName=group, logStreamNames=["zz"]) == "ResourceNotFoundException"


def test_large_groups_come_in_pages(logs, group):
    at = now_ms() - 60000
    for n in range(12):
        put(logs, group, [(at + n * 100 + k, "%d " % (n * 100 + k) + "x" * 9000) for k in range(100)])
    pages = list(logs.get_paginator("filter_log_events").paginate(logGroupName=group))
    assert len(pages) > 8
    numbers = [int(e["message"].split()[0]) for p in pages for e in p["events"]]
    assert numbers == list(range(1200))
    last = logs.filter_log_events(logGroupName=group, startTime=at + 1190)["events"]
    assert len(last) == 10


def test_retention(logs, group):
    logs.put_retention_policy(logGroupName=group, retentionInDays=3)
    assert logs.describe_log_groups(logGroupNamePrefix=group)["logGroups"][0]["retentionInDays"] == 3
    assert code_of(logs.put_retention_policy, logGroupName=group, retentionInDays=2) == "InvalidParameterException"
    logs.delete_retention_policy(logGroupName=group)
    at = now_ms()
    put(logs, group, [(at - 2 * 86400000, "old")])
    put(logs, group, [(at, "young")])
    logs.put_retention_policy(logGroupName=group, retentionInDays=1)
    out = logs.filter_log_events(logGroupName=group)["events"]
    assert [e["message"] for e in out] == ["young"]


def test_tags(logs, group):
    arn = "arn:aws:logs:us-east-1:000000000000:log-group:" + group
    logs.tag_resource(resourceArn=arn, tags={"a": "1", "b": "2"})
    logs.tag_log_group(logGroupName=group, tags={"c": "3"})
    logs.untag_resource(resourceArn=arn, tagKeys=["a"])
    assert logs.list_tags_for_resource(resourceArn=arn)["tags"] == {"b": "2", "c": "3"}
    logs.untag_log_group(logGroupName=group, tags=["b"])
    assert logs.list_tags_log_group(logGroupName=group)["tags"] == {"c": "3"}
    assert code_of(logs.list_tags_for_resource, resourceArn=arn + "x") == "ResourceNotFoundException"
    assert code_of(logs.list_tags_for_resource, resourceArn="arn:aws:s3:::x") == "InvalidParameterException"


def test_what_is_not_implemented_is_refused_by_name(logs, group):
    assert code_of(logs.put_metric_filter, logGroupName=group, filterName="f", filterPattern="x", metricTransformations=[
        {"metricName": "m", "metricNamespace": "n", "metricValue": "1"}]) == "UnsupportedFeatureException"
    assert code_of(logs.get_log_record, logRecordPointer="x") == "UnsupportedFeatureException"
    assert code_of(logs.create_log_group, logGroupName=group + "k", kmsKeyId="key") == "UnsupportedFeatureException"


def test_rights(server, logs, group):
    iam = server.boto("iam")
    iam.create_user(UserName=group)
    arn = "arn:aws:logs:us-east-1:000000000000:log-group:"
    iam.put_user_policy(UserName=group, PolicyName="p", PolicyDocument=json.dumps({
        "Version": "2012-10-17", "Statement": [
            {"Effect": "Allow", "Action": ["logs:PutLogEvents", "logs:GetLogEvents"],
             "Resource": arn + group + ":log-stream:s"},
            {"Effect": "Allow", "Action": "logs:DescribeLogStreams", "Resource": arn + group + ":*"}]}))
    key = iam.create_access_key(UserName=group)["AccessKey"]
    mine = server.boto("logs", key=(key["AccessKeyId"], key["SecretAccessKey"]))
    put(mine, group, [(now_ms(), "mine")])
    assert len(mine.get_log_events(logGroupName=group, logStreamName="s")["events"]) == 1
    assert mine.describe_log_streams(logGroupName=group)["logStreams"]
    logs.create_log_stream(logGroupName=group, logStreamName="t")
    for call, args in ((mine.put_log_events, {"logStreamName": "t", "logEvents": [{"timestamp": 1, "message": "x"}]}),
                       (mine.get_log_events, {"logStreamName": "t"}), (mine.filter_log_events, {}),
                       (mine.delete_log_group, {}), (mine.create_log_stream, {"logStreamName": "u"})):
        assert code_of(call, logGroupName=group, **args) == "AccessDeniedException"
    assert code_of(mine.describe_log_groups) == "AccessDeniedException"


def test_tail_of_the_aws_cli(server, logs, group):
    put(logs, group, [(now_ms(), "before")])
    command = [r.need_program("aws"), "--endpoint-url", server.endpoint, "logs", "tail", group, "--follow", "--format", "short"]
    tail = subprocess.Popen(command, stdout=subprocess.PIPE, env=server.env(PYTHONUNBUFFERED=1), text=True)
    try:
        assert tail.stdout.readline().split()[-1] == "before"
        put(logs, group, [(now_ms(), "after-%d" % n) for n in range(3)])
        assert [tail.stdout.readline().split()[-1] for _ in range(3)] == ["after-%d" % n for n in range(3)]
    finally:
        tail.send_signal(signal.SIGINT)
        tail.wait(100)


def test_patterns_of_columns_and_regular_expressions(logs, group):
    at = now_ms() - 1000
    put(logs, group, [(at, '127.0.0.1 - frank [10/Oct/2000:13:25:15 -0700] "GET /index.html HTTP/1.0" 404 1534'),
                      (at + 1, '10.0.0.7 - joe [10/Oct/2000:13:25:16 -0700] "GET /app HTTP/1.0" 200 99'),
                      (at + 2, '{"level": "error", "code": 503, "ids": [1, 2]}'), (at + 3, "plain 42 ERROR")])

    def found(pattern):
        events = logs.filter_log_events(logGroupName=group, filterPattern=pattern)["events"]
        return [e["timestamp"] - at for e in events]
    assert found("[ip, id, user, time, request, status = 4*, bytes > 1000]") == [0]
    assert found("[ip = 10.0.0.*, ..., bytes]") == [1]
    assert found("[..., status != 404, bytes]") == [1, 2, 3]  # JSON is a line of words, too
    assert found("%ERROR$%") == [3]
    assert found("%[45][0-9]{2}%") == [0, 2]
    assert found("{ $.level = %^err% && $.ids[1] = 2 }") == [2]
    for pattern in ("[a, b", "%(%", "{ $.a > %x% }"):
        assert code_of(logs.filter_log_events, logGroupName=group, filterPattern=pattern) == "InvalidParameterException"


def ask(logs, groups, text, seconds=20, **more):
    now = int(time.time())
    more.setdefault("startTime", now - 3600)
    started = logs.start_query(logGroupNames=groups, endTime=now + 60, queryString=text, **more)["queryId"]

    def look():
        out = logs.get_query_results(queryId=started)
        return out if out["status"] not in ("Scheduled", "Running") else None
    out = r.wait_for(look, seconds, 0.05, "the query's end")
    assert out["status"] == "Complete", out
    return [{f["field"]: f["value"] for f in row if f["field"] != "@ptr"} for row in out["results"]], out["statistics"]


def test_queries(logs, group, name):
    at = now_ms() - 1000
    put(logs, group, [(at + n, json.dumps({"level": "error" if n % 10 == 0 else "info", "ms": n, "who": {"id": n % 3}}))
                      for n in range(500)])
    logs.create_log_group(logGroupName=name + "-2")
    logs.create_log_stream(logGroupName=name + "-2", logStreamName="t")
    put(logs, name + "-2", [(at, "status=404 took 12 ms")], "t")
    rows, statistics = ask(logs, [group], "fields ms, who.id as id | filter level = 'error' and ms >= 480 | sort ms")
    assert rows == [{"ms": "480", "id": "0"}, {"ms": "490", "id": "1"}]
    assert statistics == {"recordsMatched": 2, "recordsScanned": 500, "bytesScanned": statistics["bytesScanned"]}
    rows, _ = ask(logs, [group], "stats count(*) as n, avg(ms) by level | sort n desc")
    assert [(row["level"], row["n"]) for row in rows] == [("info", "450"), ("error", "50")]
    rows, _ = ask(logs, [group, name + "-2"], "parse @message 'status=* took * ms' as status, took | filter ispresent(status) "
                  "| display @log, @logStream, status, took")
    assert rows == [{"@log": "000000000000:%s-2" % name, "@logStream": "t", "status": "404", "took": "12"}]
    rows, _ = ask(logs, [group], "", limit=3)
    assert [json.loads(row["@message"])["ms"] for row in rows] == [499, 498, 497]
    assert ask(logs, [group], "fields @message", startTime=int(time.time()) - 7200)[0]
    listed = logs.describe_queries(logGroupName=group)["queries"]
    assert len(listed) == 5 and {q["status"] for q in listed} == {"Complete"}
    assert len(logs.describe_queries(maxResults=2)["queries"]) == 2
    assert code_of(logs.stop_query, queryId=listed[0]["queryId"]) == "InvalidParameterException"


def test_what_queries_refuse(logs, group, server):
    now = int(time.time())
    with pytest.raises(ClientError) as e:
        logs.start_query(logGroupName=group, startTime=now - 10, endTime=now, queryString="fields a | pattern b")
    assert e.value.response["Error"]["Code"] == "MalformedQueryException"
    assert "column 12: the command pattern is not supported" in e.value.response["Error"]["Message"]
    more = {"startTime": now - 10, "endTime": now, "queryString": "fields a"}
    assert code_of(logs.start_query, logGroupName=group + "x", **more) == "ResourceNotFoundException"
    assert code_of(logs.start_query, **more) == "InvalidParameterException"
    assert code_of(logs.start_query, logGroupName=group, logGroupNames=[group], **more) == "InvalidParameterException"
    assert code_of(logs.start_query, logGroupName=group, **dict(more, endTime=now - 20)) == "InvalidParameterException"
    assert code_of(logs.get_query_results, queryId="nothing") == "ResourceNotFoundException"
    assert code_of(logs.stop_query, queryId="nothing") == "ResourceNotFoundException"
    key = server.add_user("no-queries-" + group.replace("/", "-"))
    assert code_of(server.boto("logs", key).start_query, logGroupName=group, **more) == "AccessDeniedException"
    elsewhere = server.boto("logs", region="eu-west-1")
    started = logs.start_query(logGroupName=group, **more)["queryId"]
    ask(logs, [group], "fields a")
    kept_out = "kept-out-" + group.replace("/", "-")
    key = server.add_user(kept_out)
    server.boto("iam").put_user_policy(UserName=kept_out, PolicyName="p", PolicyDocument=json.dumps({
        "Version": "2012-10-17", "Statement": [
            {"Effect": "Allow", "Action": "logs:*", "Resource": "*"},
            {"Effect": "Deny", "Action": "logs:*", "Resource": "arn:aws:logs:*:*:log-group:%s:*" % group}]}))
    assert code_of(server.boto("logs", key).get_query_results, queryId=started) == "AccessDeniedException"
    for bad in ({"startTime": 2 ** 63 - 1}, {"startTime": 2 ** 63 - 1, "endTime": 2 ** 63 - 1}, {"endTime": 2 ** 63 - 1}):
        assert code_of(logs.start_query, logGroupName=group, **dict(more, **bad)) == "InvalidParameterException", bad
    assert code_of(elsewhere.get_query_results, queryId=started) == "ResourceNotFoundException"


def test_a_query_can_be_stopped(logs, name):
    logs.create_log_group(logGroupName=name)
    logs.create_log_stream(logGroupName=name, logStreamName="s")
    at = now_ms() - 1000
    for part in range(30):
        put(logs, name, [(at + n, "a" * 900) for n in range(1000)])
    now, slow = int(time.time()), "filter @message like /(a|aa|aaa|aaaa|aaaaa|aaaaaa)*b/ | stats count(*)"
    ids = [logs.start_query(logGroupName=name, startTime=now - 60, endTime=now + 60, queryString=slow)["queryId"] for _ in range(4)]
    for query in ids:
        assert logs.stop_query(queryId=query)["success"]
    for query in ids:
        r.wait_for(lambda: logs.get_query_results(queryId=query)["status"] == "Cancelled", 60, 0.2, "the end of the query")


def test_fsck_reads_log_segments(name):
    server = Server("serve")
    try:
        server.start()
        logs = server.boto("logs")
        logs.create_log_group(logGroupName=name)
        logs.create_log_stream(logGroupName=name, logStreamName="s")
        for n in range(3):
            put(logs, name, [(now_ms(), "event %d" % n)])
        assert "and 1 log segments; 0 findings" in server.slipway("fsck").stdout
        segments = [os.path.join(folder, f) for folder, _, files in os.walk(os.path.join(server.data, "logs")) for f in files]
        assert len(segments) == 1
        with open(segments[0], "r+b") as f:
            f.seek(70)
            byte = f.read(1)
            f.seek(70)
            f.write(bytes([byte[0] ^ 1]))
        out = server.slipway("fsck", check=False)
        assert out.returncode == 1 and "log-segment" in out.stdout and "whole ones follow it" in out.stdout
    finally:
        server.close()


# --- StartLiveTail: Debian's botocore does not know it, so the messages are taken apart here ---

class LiveTail:
    def __init__(self, server, key=None, **body):
        data = json.dumps(body).encode()
        access, secret = key or server.admin
        request = AWSRequest("POST", server.endpoint + "/", data=data, headers={
            "Content-Type": "application/x-amz-json-1.1", "X-Amz-Target": "Logs_20140328.StartLiveTail"})
        SigV4Auth(Credentials(access, secret), "logs", "us-east-1").add_auth(request)
        self.connection = http.client.HTTPConnection(server.host_port, timeout=100)
        self.connection.request("POST", "/", data, dict(request.headers))
        self.reply = self.connection.getresponse()

    def event(self):
        prelude = self.reply.read(12)
        if not prelude:
            return None, None
        size, headers_size, checksum = struct.unpack(">III", prelude)
        assert zlib.crc32(prelude[:8]) == checksum
        rest = self.reply.read(size - 12)
        assert zlib.crc32(prelude + rest[:-4]) == struct.unpack(">I", rest[-4:])[0]
        headers, at = {}, 0
        while at < headers_size:
            n = rest[at]
            name, kind, length = rest[at + 1:at + 1 + n].decode(), rest[at + 1 + n], struct.unpack(">H", rest[at + 2 + n:at + 4 + n])[0]
            assert kind == 7
            headers[name] = rest[at + 4 + n:at + 4 + n + length].decode()
            at += 4 + n + length
        assert headers[":message-type"] == "event" and headers[":content-type"] == "application/json"
        return headers[":event-type"], json.loads(rest[headers_size:-4])

    def messages(self, count, seconds=60):
        """The first that come, and how many updates it took."""
        out, until = [], time.time() + seconds
        while len(out) < count and time.time() < until:
            kind, payload = self.event()
            assert kind == "sessionUpdate", kind
            out += payload["sessionResults"]
        return out

    def close(self):
        self.connection.close()


def arn_of(group):
    return "arn:aws:logs:us-east-1:000000000000:log-group:" + group


def test_live_tail(server, logs, group):
    put(logs, group, [(now_ms(), "before")])
    logs.create_log_stream(logGroupName=group, logStreamName="t")
    time.sleep(0.1)
    tail = LiveTail(server, logGroupIdentifiers=[arn_of(group)])
    only = LiveTail(server, logGroupIdentifiers=[arn_of(group)], logStreamNamePrefixes=["t"], logEventFilterPattern="%x[0-9]%")
    try:
        assert tail.reply.status == 200 and tail.reply.getheader("Content-Type") == "application/vnd.amazon.eventstream"
        assert tail.event() == ("initial-response", {})
        kind, start = tail.event()
        assert kind == "sessionStart" and start["logGroupIdentifiers"] == [arn_of(group)] and start["sessionId"]
        put(logs, group, [(now_ms() - 3600000, "old in time"), (now_ms(), "x1")])
        put(logs, group, [(now_ms(), "x2"), (now_ms(), "y")], "t")
        got = tail.messages(4)
        assert sorted(e["message"] for e in got) == ["old in time", "x1", "x2", "y"]
        assert {e["logStreamName"] for e in got} == {"s", "t"} and got[0]["logGroupIdentifier"] == "000000000000:" + group
        only.event(), only.event()
        assert [e["message"] for e in only.messages(1)] == ["x2"]
        put(logs, group, [(now_ms(), "later")])
        assert [e["message"] for e in tail.messages(1)] == ["later"]
    finally:
        tail.close()
        only.close()


def test_what_live_tail_refuses(server, logs, group):
    def code(**body):
        tail = LiveTail(server, **body)
        try:
            return tail.reply.status, json.loads(tail.reply.read())["__type"].split("#")[-1]
        finally:
            tail.close()
    assert code(logGroupIdentifiers=[arn_of(group + "x")]) == (400, "ResourceNotFoundException")
    assert code(logGroupIdentifiers=[]) == (400, "InvalidParameterException")
    assert code(logGroupIdentifiers=[arn_of(group)], logEventFilterPattern="[a") == (400, "InvalidParameterException")
    assert code(logGroupIdentifiers=[arn_of(group)], logStreamNames=["s"], logStreamNamePrefixes=["s"]) == (
        400, "InvalidParameterException")
    assert code(logGroupIdentifiers=[arn_of(group)], key=server.add_user("no-tail")) == (400, "AccessDeniedException")


def test_a_server_that_stops_ends_live_tails(name):
    server = Server("serve")
    try:
        server.start()
        server.boto("logs").create_log_group(logGroupName=name)
        tails = [LiveTail(server, logGroupIdentifiers=[arn_of(name)]) for _ in range(3)]
        tails.pop().close()  # one goes by itself
        for tail in tails:
            assert tail.event()[0] == "initial-response"
        began = time.time()
        server.stop()
        assert time.time() - began < 10 * r.PATIENCE
        for tail in tails:
            while tail.event()[0]:
                pass
            tail.close()
    finally:
        server.close()


def test_live_tails_are_bounded_and_leave_nothing(server, group):
    def opened():
        tail = LiveTail(server, logGroupIdentifiers=[arn_of(group)])
        if tail.reply.status != 200:
            tail.close()
            return None
        return tail
    for _ in range(2):  # those of the first time make room when the server has seen that they went
        tails = []
        try:
            while len(tails) < 16:
                tails.append(r.wait_for(opened, 100, 0.2, "a place for a Live Tail"))
            assert opened() is None
        finally:
            for tail in tails:
                tail.close()
