// SPDX-License-Identifier: Apache-2.0
// Fargate and a capacity provider strategy through @aws-sdk/client-ecs, in a cluster that has no container instances.
import { assert, ecs, name, refused, settings } from '../sdk.mjs'

const c = new ecs.ECS(settings())
const cluster = name
const networkConfiguration = { awsvpcConfiguration: { subnets: ['subnet-1'] } }
await c.createCluster({ clusterName: cluster, capacityProviders: ['FARGATE', 'FARGATE_SPOT'] })
await c.registerTaskDefinition({
    family: name, networkMode: 'awsvpc', requiresCompatibilities: ['FARGATE'], cpu: '256', memory: '512',
    containerDefinitions: [{ name: 'main', image: process.env.IMAGE, command: ['true'] }]
})
const capacityProviderStrategy = [{ capacityProvider: 'FARGATE', base: 1, weight: 0 }, { capacityProvider: 'FARGATE_SPOT', weight: 1 }]
const run = await c.runTask({ cluster, taskDefinition: name, count: 2, capacityProviderStrategy, networkConfiguration })
assert.deepEqual(run.failures, [])
assert.deepEqual(run.tasks.map(t => t.capacityProviderName).sort(), ['FARGATE', 'FARGATE_SPOT'])
const tasks = run.tasks.map(t => t.taskArn)
assert.equal((await ecs.waitUntilTasksStopped({ client: c, minDelay: 1, maxDelay: 1, maxWaitTime: 90 }, { cluster, tasks })).state, 'SUCCESS')
for (const task of (await c.describeTasks({ cluster, tasks })).tasks) {
    assert.equal(task.containers[0].exitCode, 0)
    assert.deepEqual([task.launchType, task.platformVersion, task.containerInstanceArn], ['FARGATE', '1.4.0', undefined])
}
await refused(c.runTask({ cluster, taskDefinition: name, launchType: 'FARGATE', capacityProviderStrategy, networkConfiguration }),
    'InvalidParameterException', 400, 'Remove one and try again')
await refused(c.runTask({ cluster, taskDefinition: name, launchType: 'FARGATE', platformVersion: '0.1', networkConfiguration }),
    'PlatformUnknownException', 400, 'platform version')
