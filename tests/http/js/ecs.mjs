// SPDX-License-Identifier: Apache-2.0
// ECS through @aws-sdk/client-ecs: what needs no instance.
import { account, all, assert, ecs, name, refused, settings } from './sdk.mjs'

const c = new ecs.ECS(settings())
const made = (await c.createCluster({ clusterName: name, tags: [{ key: '\u540d', value: 'caf\u00e9' }] })).cluster
assert.equal(made.clusterArn, `arn:aws:ecs:us-east-1:${account}:cluster/${name}`)
const seen = await c.describeClusters({ clusters: [name, 'no-such'], include: ['TAGS'] })
assert.deepEqual(seen.clusters[0].tags, [{ key: '\u540d', value: 'caf\u00e9' }])
assert.deepEqual(seen.failures.map(f => f.reason), ['MISSING'])
const containerDefinitions = [{
    name: 'main', image: 'x/y:v1', memory: 64, cpu: 0, essential: true, command: ['echo', 'caf\u00e9 \u{1f6a2}'],
    environment: [{ name: 'A', value: '\u540d' }], portMappings: [{ containerPort: 80, hostPort: 0, protocol: 'tcp' }]
}]
for (const revision of [1, 2]) {
    const { taskDefinition } = await c.registerTaskDefinition({ family: name, containerDefinitions, tags: [{ key: 'r', value: String(revision) }] })
    assert.equal(taskDefinition.revision, revision)
    assert.ok(taskDefinition.registeredAt instanceof Date)
    assert.deepEqual(taskDefinition.containerDefinitions[0].command, containerDefinitions[0].command)
}
const arns = await all(ecs.paginateListTaskDefinitions({ client: c, pageSize: 1 }, { familyPrefix: name }), 'taskDefinitionArns')
assert.equal(arns.length, 2)
const { taskDefinition, tags } = await c.describeTaskDefinition({ taskDefinition: name, include: ['TAGS'] })
assert.deepEqual(taskDefinition.containerDefinitions[0].portMappings, containerDefinitions[0].portMappings)
assert.deepEqual(tags, [{ key: 'r', value: '2' }])
await refused(c.runTask({ cluster: name, taskDefinition: name }), 'InvalidParameterException', 400, 'No Container Instances')
const missing = await refused(c.runTask({ cluster: 'no-such', taskDefinition: name }), 'ClusterNotFoundException')
assert.ok(missing instanceof ecs.ClusterNotFoundException)
await refused(c.describeTaskDefinition({ taskDefinition: 'no-such' }), 'ClientException')
await refused(c.registerTaskDefinition({ family: name, containerDefinitions: [{ name: 'x' }] }), 'ClientException')
for (const arn of arns)
    assert.equal((await c.deregisterTaskDefinition({ taskDefinition: arn })).taskDefinition.status, 'INACTIVE')
assert.equal((await c.deleteCluster({ cluster: name })).cluster.status, 'INACTIVE')
