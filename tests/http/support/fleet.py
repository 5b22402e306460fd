# SPDX-License-Identifier: Apache-2.0
"""Container instances that a test speaks for: no containers run."""
import json

from support.aws import call


class Fleet:
    """A cluster with instances that the test speaks for."""

    def __init__(self, server, name):
        self.server, self.cluster = server, name
        self.ecs = server.boto("ecs")
        self.ecs.create_cluster(clusterName=name)
        self.names = {}

    def join(self, name, memory=1000, **attributes):
        arn = self.ecs.register_container_instance(
            cluster=self.cluster, versionInfo={"agentVersion": "1.79.2"},
            totalResources=[{"name": "CPU", "type": "INTEGER", "integerValue": 2048},
                            {"name": "MEMORY", "type": "INTEGER", "integerValue": memory},
                            {"name": "PORTS", "type": "STRINGSET", "stringSetValue": ["22"]}],
            attributes=[{"name": k.replace("_", "."), "value": v} for k, v in attributes.items()],
        )["containerInstance"]["containerInstanceArn"]
        self.names[arn] = name
        assert self.agent("PollTasks", containerInstance=arn, waitSeconds=0).status == 200
        return arn

    def agent(self, operation, key=None, **body):
        """One of the agent's own operations; the raw reply."""
        return call(self.server, "SlipwayAgent_V20261121", operation, json.dumps(dict(body, cluster=self.cluster)).encode(),
                    scope="ecs", key=key)

    def define(self, family, port=None, **more):
        container = {"name": "c", "image": "img", "cpu": 10, "memory": 100}
        if port:
            container["portMappings"] = [{"containerPort": 80, "hostPort": port}]
        return self.ecs.register_task_definition(family=family, containerDefinitions=[container], **more)

    def run(self, family, count=1, **more):
        """The names of the instances chosen, in order, and the reasons of failures by name."""
        out = self.ecs.run_task(cluster=self.cluster, taskDefinition=family, count=count, **more)
        return ([self.names[t["containerInstanceArn"]] for t in out["tasks"]],
                {self.names[f["arn"]]: f["reason"] for f in out["failures"]})
