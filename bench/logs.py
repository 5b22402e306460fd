# SPDX-License-Identifier: Apache-2.0
"""Lines of 64 tasks into the log store: PutLogEvents to 64 streams, batches of 2,000 lines of 100 bytes, 8 connections, 12 s.
SLIPWAY_BIN=build/release/slipway SLIPWAY_SOURCE_DIR=. /usr/bin/python3 bench/logs.py"""
import http.client
import json
import os
import sys
import threading
import time

sys.path.insert(0, os.path.join(os.environ["SLIPWAY_SOURCE_DIR"], "tests/http"))
from botocore.auth import SigV4Auth  # noqa: E402
from botocore.awsrequest import AWSRequest  # noqa: E402
from botocore.credentials import Credentials  # noqa: E402
from support.server import Server  # noqa: E402

STREAMS, CONNECTIONS, LINES, SECONDS = 64, 8, 2000, 12


def requests_of(server):
    """Signed once: what is measured is the server, and not this program."""
    at, out = int(time.time() * 1000), []
    for n in range(STREAMS):
        body = json.dumps({"logGroupName": "g", "logStreamName": "s%d" % n,
                           "logEvents": [{"timestamp": at, "message": "x" * 100}] * LINES}).encode()
        request = AWSRequest("POST", server.endpoint + "/", data=body, headers={
            "Content-Type": "application/x-amz-json-1.1", "X-Amz-Target": "Logs_20140328.PutLogEvents"})
        SigV4Auth(Credentials(*server.admin), "logs", "us-east-1").add_auth(request)
        out.append((body, dict(request.headers)))
    return out


def cpu_seconds(pid):
    with open("/proc/%d/stat" % pid) as f:
        fields = f.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def measure(server):
    requests, latencies = requests_of(server), []
    until = time.time() + SECONDS

    def run(first):
        connection, n = http.client.HTTPConnection(server.host_port), first
        while time.time() < until:
            body, headers = requests[n % STREAMS]
            n += CONNECTIONS
            began = time.time()
            connection.request("POST", "/", body, headers)
            reply = connection.getresponse()
            reply.read()
            assert reply.status == 200
            latencies.append(time.time() - began)
    before, began = cpu_seconds(server.process.pid), time.time()
    threads = [threading.Thread(target=run, args=(n,)) for n in range(CONNECTIONS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    took, lines = time.time() - began, len(latencies) * LINES
    latencies.sort()
    print("%.0f lines/s, %.1f calls/s, p50 %.0f ms, p99 %.0f ms, %.2f us of server CPU a line" % (
        lines / took, len(latencies) / took, latencies[len(latencies) // 2] * 1e3, latencies[int(len(latencies) * 0.99)] * 1e3,
        (cpu_seconds(server.process.pid) - before) * 1e6 / lines))


def main():
    server = Server("serve")
    try:
        server.start()
        logs = server.boto("logs")
        logs.create_log_group(logGroupName="g")
        for n in range(STREAMS):
            logs.create_log_stream(logGroupName="g", logStreamName="s%d" % n)
        measure(server)
    finally:
        server.close()


main()
