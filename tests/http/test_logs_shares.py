# SPDX-License-Identifier: Apache-2.0
# ctest-cost: 6
"""Callers that share the Logs API: nobody keeps others from queries and Live Tails, nor sees what their queries found."""
import json
import time

import pytest
from botocore.exceptions import ClientError

from support import run as r
from test_logs import LiveTail, arn_of, code_of, now_ms, put

SLOW = "filter @message like /(a|aa|aaa|aaaa|aaaaa|aaaaaa)*b/ | stats count(*)"


@pytest.fixture(scope="module")
def logs(server):
    return server.boto("logs")


def user(server, name, *statements):
    """A user with these rights: [actions, resources]; the key."""
    key = server.add_user(name)
    server.boto("iam").put_user_policy(UserName=name, PolicyName="p", PolicyDocument=json.dumps({
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Action": actions, "Resource": resources} for actions, resources in statements]}))
    return key


def start(logs, group, text="fields @message"):
    now = int(time.time())
    return logs.start_query(logGroupName=group, startTime=now - 3600, endTime=now + 60, queryString=text)["queryId"]


def has_ended(logs, query):
    out = logs.get_query_results(queryId=query)
    return out if out["status"] not in ("Scheduled", "Running") else None


def test_a_greedy_caller_delays_nobody(server, logs, name):
    everything = (["logs:*"], "*")
    greedy, small = (server.boto("logs", user(server, name + who, everything)) for who in ("-greedy", "-small"))
    logs.create_log_group(logGroupName=name)
    logs.create_log_stream(logGroupName=name, logStreamName="s")
    at = now_ms() - 1000
    for _ in range(4):
        put(logs, name, [(at, "a" * 900)] * 1000)
    started = []
    with pytest.raises(ClientError) as e:
        for _ in range(61):
            started.append(start(greedy, name, SLOW))
    assert e.value.response["Error"]["Code"] == "LimitExceededException"
    assert "Account maximum query concurrency limit of [60] reached" in e.value.response["Error"]["Message"]
    assert len(started) >= 30
    query = start(small, name, "fields @message | limit 1")
    out = r.wait_for(lambda: has_ended(small, query), 100, 0.05, "the query of the small caller")
    assert out["status"] == "Complete" and len(out["results"]) == 1
    waiting = [q for q in greedy.describe_queries(status="Scheduled")["queries"] if q["queryId"] in started]
    assert len(waiting) >= 15, "it was behind those that came before"
    for query in started:
        try:
            assert greedy.stop_query(queryId=query)["success"]
        except ClientError as e:
            assert e.response["Error"]["Code"] == "InvalidParameterException"  # it is over
    assert not greedy.describe_queries(status="Scheduled")["queries"]  # the waiting ones end at once


def test_a_greedy_caller_leaves_live_tails(server, logs, name):
    logs.create_log_group(logGroupName=name)
    small = user(server, name + "-small", (["logs:StartLiveTail"], "*"))
    tails = []
    try:
        for key in [None] * 20 + [small]:
            tails.append(LiveTail(server, key, logGroupIdentifiers=[arn_of(name)]))
        status = [tail.reply.status for tail in tails]
        assert status == [200] * 16 + [400] * 4 + [200]
        refused = json.loads(tails[16].reply.read())
        assert refused["__type"].endswith("LimitExceededException")
        assert refused["message"] == "Of 32 Live Tail sessions this caller has 16 and others have 0."
    finally:
        for tail in tails:
            tail.close()


def test_results_are_for_those_who_could_ask(server, logs, name):
    mine, others = name + "-mine", name + "-others"
    for group in (mine, others):
        logs.create_log_group(logGroupName=group)
    everywhere = ["logs:GetQueryResults", "logs:StopQuery", "logs:DescribeQueries"]
    old = server.boto("logs", user(server, name + "-old", (["logs:StartQuery"], arn_of(mine) + ":*"), (everywhere, "*")))
    new = server.boto("logs", user(server, name + "-new", (["logs:StartQuery", "logs:GetQueryResults"], arn_of(mine) + ":*")))
    secret, shared = start(logs, others), start(logs, mine)
    for client in (old, new):
        assert code_of(client.start_query, logGroupName=others, startTime=1, endTime=2, queryString="") == "AccessDeniedException"
        assert code_of(client.get_query_results, queryId=secret) == "AccessDeniedException"
        assert client.get_query_results(queryId=shared)["status"]
        own = start(client, mine)
        r.wait_for(lambda: has_ended(client, own), 100, 0.05, "its own query")
    assert code_of(old.get_query_results, queryId="nothing") == "ResourceNotFoundException"
    for call, args in ((new.get_query_results, {"queryId": "nothing"}), (new.stop_query, {"queryId": shared}),
                       (new.describe_queries, {})):
        assert code_of(call, **args) == "AccessDeniedException"
    assert {secret, shared} <= {q["queryId"] for q in old.describe_queries()["queries"]}
