# SPDX-License-Identifier: Apache-2.0
# ctest-lock: containers
"""ECS Anywhere: an activation of Systems Manager turns a machine into an external instance, which runs EXTERNAL tasks only."""
import datetime
import json
import threading
import time

import pytest

from support import images
from support import run as r
from support.aws import call, refused
from support.machines import Agent, Machines
from support.server import Everywhere

TRUST = json.dumps({"Version": "2012-10-17", "Statement": [
    {"Effect": "Allow", "Principal": {"Service": "ssm.amazonaws.com"}, "Action": "sts:AssumeRole"}]})


@pytest.fixture(scope="module")
def ssm(server):
    server.boto("iam").create_role(RoleName="ecsExternalInstanceRole", AssumeRolePolicyDocument=TRUST)
    return server.boto("ssm")


def test_activations(server, ssm, name):
    made = server.aws("ssm", "create-activation", "--iam-role", "ecsExternalInstanceRole", "--registration-limit", "3",
                      "--description", "shop floor", "--default-instance-name", name)
    assert len(made["ActivationId"]) == 36 and len(made["ActivationCode"]) == 20
    other = ssm.create_activation(IamRole="ecsExternalInstanceRole", Tags=[{"Key": "a", "Value": "b"}])
    mine = ssm.describe_activations(Filters=[{"FilterKey": "DefaultInstanceName", "FilterValues": [name]}])["ActivationList"]
    assert len(mine) == 1 and mine[0]["ActivationId"] == made["ActivationId"] and mine[0]["Description"] == "shop floor"
    assert (mine[0]["RegistrationLimit"], mine[0]["RegistrationsCount"], mine[0]["Expired"]) == (3, 0, False)
    left = mine[0]["ExpirationDate"] - datetime.datetime.now(datetime.timezone.utc)
    assert datetime.timedelta(hours=23) < left <= datetime.timedelta(hours=24)
    every = [a["ActivationId"] for p in ssm.get_paginator("describe_activations").paginate(PaginationConfig={"PageSize": 1})
             for a in p["ActivationList"]]
    assert every == sorted(every) and {made["ActivationId"], other["ActivationId"]} <= set(every)
    assert "ActivationCode" not in json.dumps(ssm.describe_activations(), default=str)
    ssm.delete_activation(ActivationId=other["ActivationId"])
    refused("InvalidActivation", ssm.delete_activation, ActivationId=other["ActivationId"])
    refused("InvalidActivationId", ssm.delete_activation, ActivationId="x" * 100)
    refused("ValidationException", ssm.create_activation, IamRole="nobody")
    refused("ValidationException", ssm.create_activation, IamRole="ecsExternalInstanceRole", RegistrationLimit=1001)
    now = datetime.datetime.now(datetime.timezone.utc)
    for days in (-1, 31):
        refused("ValidationException", ssm.create_activation, IamRole="ecsExternalInstanceRole",
                ExpirationDate=now + datetime.timedelta(days=days))
    reply = call(server, "AmazonSSM", "SendCommand", b"{}", scope="ssm")
    assert (reply.status, reply.json()["__type"]) == (400, "UnsupportedFeatureException")


def exchange(server, key):
    return call(server, "SlipwayAgent_V20261121", "RegisterManagedInstance", b"{}", scope="ecs", key=key)


def test_what_an_activation_opens(server, ssm):
    made = ssm.create_activation(IamRole="ecsExternalInstanceRole", RegistrationLimit=2)
    key = (made["ActivationId"].replace("-", ""), made["ActivationCode"])
    for attempt in (server.boto("ecs", key).list_clusters, server.boto("ssm", key).describe_activations,
                    server.boto("ecr", key).get_authorization_token):
        refused("AccessDeniedException", attempt)
    out = exchange(server, key).json()
    node = server.boto("ecs", (out["accessKeyId"], out["secretAccessKey"]))
    assert out["managedInstanceId"].startswith("mi-") and len(out["managedInstanceId"]) == 20
    refused("AccessDeniedException", node.run_task, taskDefinition="x")
    resources = [{"name": n, "type": "INTEGER", "integerValue": 1} for n in ("CPU", "MEMORY")]
    instance = node.register_container_instance(totalResources=resources)["containerInstance"]
    assert instance["ec2InstanceId"] == out["managedInstanceId"], "it did not say that it is external"
    assert {"name": "ecs.capability.external"} in instance["attributes"]
    assert exchange(server, key).status == 200
    third = exchange(server, key)
    assert (third.status, third.json()["__type"]) == (400, "InvalidActivation")
    assert exchange(server, (key[0], "A" * 20)).status in (400, 403)
    assert exchange(server, server.admin).json()["__type"] == "InvalidActivation"
    fresh = ssm.create_activation(IamRole="ecsExternalInstanceRole")
    ssm.delete_activation(ActivationId=fresh["ActivationId"])
    assert exchange(server, (fresh["ActivationId"].replace("-", ""), fresh["ActivationCode"])).status in (400, 403)
    assert exchange(server, (out["accessKeyId"], out["secretAccessKey"])).json()["__type"] == "InvalidActivation"
    node.deregister_container_instance(containerInstance=instance["containerInstanceArn"], force=True)


def test_a_machine_that_is_deregistered_has_no_key(server, ssm, name):
    made = ssm.create_activation(IamRole="ecsExternalInstanceRole", DefaultInstanceName=name, Tags=[{"Key": "floor", "Value": name}])
    out = exchange(server, (made["ActivationId"].replace("-", ""), made["ActivationCode"])).json()
    machine, key = out["managedInstanceId"], (out["accessKeyId"], out["secretAccessKey"])
    node, ecs = server.boto("ecs", key), server.boto("ecs")
    resources = [{"name": n, "type": "INTEGER", "integerValue": 100} for n in ("CPU", "MEMORY")]
    arn = node.register_container_instance(totalResources=resources)["containerInstance"]["containerInstanceArn"]
    shown = server.aws("ssm", "describe-instance-information", "--filters", "Key=InstanceIds,Values=" + machine)
    info = shown["InstanceInformationList"][0]
    assert (info["ActivationId"], info["Name"], info["PingStatus"]) == (made["ActivationId"], name, "Online")
    assert (info["IamRole"], info["ResourceType"], info["PlatformType"]) == ("ecsExternalInstanceRole", "ManagedInstance", "Linux")
    by_tag = ssm.describe_instance_information(Filters=[{"Key": "tag:floor", "Values": [name]}])["InstanceInformationList"]
    old_form = ssm.describe_instance_information(InstanceInformationFilterList=[{"key": "ActivationIds", "valueSet": [made["ActivationId"]]}])
    assert [i["InstanceId"] for i in by_tag] == [i["InstanceId"] for i in old_form["InstanceInformationList"]] == [machine]
    refused("InvalidFilterKey", ssm.describe_instance_information, Filters=[{"Key": "Weather", "Values": ["x"]}])
    ssm.update_managed_instance_role(InstanceId=machine, IamRole="ecsExternalInstanceRole")
    refused("InvalidInstanceId", ssm.deregister_managed_instance, InstanceId="mi-" + "0" * 17)
    refused("AccessDeniedException", server.boto("ssm", key).deregister_managed_instance, InstanceId=machine)
    # A poll that waits is told so, and asking again needs a key that is not there any more.
    polled = {}

    def poll():
        body = json.dumps({"containerInstance": arn, "seenVersion": 1, "waitSeconds": 20}).encode()
        polled["reply"] = call(server, "SlipwayAgent_V20261121", "PollTasks", body, scope="ecs", key=key)
    waiting = threading.Thread(target=poll)
    waiting.start()
    time.sleep(1)
    began = time.monotonic()
    server.aws("ssm", "deregister-managed-instance", "--instance-id", machine)
    waiting.join(75)
    assert time.monotonic() - began < 10 * r.PATIENCE and polled["reply"].json()["__type"] == "InstanceDeregisteredException"
    refused("UnrecognizedClientException", node.register_container_instance, totalResources=resources)
    gone = ecs.describe_container_instances(containerInstances=[arn])["containerInstances"][0]
    assert (gone["status"], gone["agentConnected"]) == ("INACTIVE", False)
    assert not ssm.describe_instance_information(Filters=[{"Key": "InstanceIds", "Values": [machine]}])["InstanceInformationList"]
    refused("InvalidInstanceId", ssm.deregister_managed_instance, InstanceId=machine)
    counted = ssm.describe_activations(Filters=[{"FilterKey": "ActivationIds", "FilterValues": [made["ActivationId"]]}])
    assert counted["ActivationList"][0]["RegistrationsCount"] == 1, "a use is used up"


def test_a_machine_joins_by_an_activation():
    r.need_root()
    for program in ("runc", "conmon", "busybox", "ip", "nsenter"):
        r.need_program(program)
    machines = Machines(1)
    server, agent = Everywhere(), None
    address = "%s:%d" % (machines.server_address, server.port)
    try:
        server.start()
        ecs = server.boto("ecs")
        server.boto("iam").create_role(RoleName="ecsExternalInstanceRole", AssumeRolePolicyDocument=TRUST)
        made = server.boto("ssm").create_activation(IamRole="ecsExternalInstanceRole")
        flags = ["--activation-id", made["ActivationId"], "--activation-code", made["ActivationCode"]]
        agent = Agent(machines, 1, "http://" + address, {"ECS_CLUSTER": "default"}, flags).start()

        def instances():
            arns = ecs.list_container_instances()["containerInstanceArns"]
            return arns and ecs.describe_container_instances(containerInstances=arns)["containerInstances"]
        first = r.wait_for(instances, 30, 0.2, "instance; " + r.tail(agent.log))
        assert first[0]["ec2InstanceId"].startswith("mi-")
        server.create_repository("busybox")
        with server.http() as http:
            images.busybox().push(http, "busybox", "v1")
        ecs.register_task_definition(family="hello", requiresCompatibilities=["EXTERNAL"], containerDefinitions=[
            {"name": "c", "image": address + "/busybox:v1", "memory": 32, "command": ["sh", "-c", "exit 7"]}])
        refused("InvalidParameterException", ecs.run_task, taskDefinition="hello", launchType="EC2")
        task = ecs.run_task(taskDefinition="hello", launchType="EXTERNAL")["tasks"][0]["taskArn"]
        done = r.wait_for(lambda: [t for t in ecs.describe_tasks(tasks=[task])["tasks"] if t["lastStatus"] == "STOPPED"], 40, 0.2,
                          "stopped task; " + r.tail(agent.log))
        assert done[0]["containers"][0]["exitCode"] == 7 and done[0]["launchType"] == "EXTERNAL"
        # The code is used up, and not needed again.
        agent.stop()
        agent.args = []
        agent.start()
        r.wait_for(lambda: instances()[0]["agentConnected"], 30, 0.2, "agent that is back")
        assert [i["containerInstanceArn"] for i in instances()] == [first[0]["containerInstanceArn"]]
        # Taken out by Systems Manager: the agent is told, ends what runs, and its key opens nothing any more.
        ecs.register_task_definition(family="stays", requiresCompatibilities=["EXTERNAL"], containerDefinitions=[
            {"name": "c", "image": address + "/busybox:v1", "memory": 32, "command": ["sleep", "600"], "stopTimeout": 1}])
        stays = ecs.run_task(taskDefinition="stays", launchType="EXTERNAL")["tasks"][0]["taskArn"]
        r.wait_for(lambda: agent.containers() and ecs.describe_tasks(tasks=[stays])["tasks"][0]["lastStatus"] == "RUNNING", 30, 0.2,
                   "running task; " + r.tail(agent.log))
        server.boto("ssm").deregister_managed_instance(InstanceId=first[0]["ec2InstanceId"])
        gone = ecs.describe_tasks(tasks=[stays])["tasks"][0]
        assert gone["lastStatus"] == "STOPPED" and first[0]["ec2InstanceId"] in gone["stoppedReason"]
        r.wait_for(lambda: not agent.containers(), 30, 0.2, "end of its containers; " + r.tail(agent.log))
        with open(agent.log, encoding="utf-8") as f:
            assert "instance-deregistered" in f.read()
        agent.stop()
        agent.start().process.wait(100)
        assert agent.process.returncode == 1, "its key was taken"
        agent.process = None
        second = Agent(machines, 1, "http://" + address, {}, flags)
        try:
            second.start().process.wait(100)
            assert second.process.returncode == 1
            with open(second.log, encoding="utf-8") as f:
                assert "activation" in f.read()
            second.process = None
        finally:
            second.close()
    finally:
        if agent:
            agent.close()
        server.close()
        machines.close()
