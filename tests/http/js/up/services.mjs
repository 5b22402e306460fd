// SPDX-License-Identifier: Apache-2.0
// Tasks and services through @aws-sdk/client-ecs on a machine that runs them: waiters, paginators, dates, errors. IMAGE is a busybox.
import { account, all, assert, ecs, name, refused, settings } from '../sdk.mjs'

const c = new ecs.ECS(settings())
const waiting = { client: c, minDelay: 1, maxDelay: 1, maxWaitTime: 90 }
const image = process.env.IMAGE
const define = (command, more = {}) => c.registerTaskDefinition({
    family: name, containerDefinitions: [{ name: 'main', image, memory: 32, stopTimeout: 2, command: ['sh', '-c', command], ...more }]
})
const tasksOf = async more => (await all(ecs.paginateListTasks({ client: c, pageSize: 1 }, more), 'taskArns')).sort()

// A task: run, wait, describe, stop, wait.
await define('exec sleep 1000')
const run = await c.runTask({ taskDefinition: name, count: 2, startedBy: 'js', tags: [{ key: 'a', value: '\u540d' }], propagateTags: 'TASK_DEFINITION' })
assert.deepEqual(run.failures, [])
const tasks = run.tasks.map(t => t.taskArn).sort()
assert.equal((await ecs.waitUntilTasksRunning(waiting, { tasks })).state, 'SUCCESS')
const seen = await c.describeTasks({ tasks: [...tasks, '0'.repeat(32)], include: ['TAGS'] })
assert.deepEqual(seen.failures, [{ arn: `arn:aws:ecs:us-east-1:${account}:task/default/${'0'.repeat(32)}`, reason: 'MISSING' }])
for (const task of seen.tasks) {
    assert.ok(task.startedAt instanceof Date && task.startedAt >= task.createdAt, JSON.stringify(task))
    assert.deepEqual(task.tags, [{ key: 'a', value: '\u540d' }])
    assert.equal(task.availabilityZone, 'local')
}
assert.deepEqual(await tasksOf({ startedBy: 'js' }), tasks)
for (const task of tasks)
    await c.stopTask({ task, reason: 'g\u00e9nug' })
assert.equal((await ecs.waitUntilTasksStopped(waiting, { tasks })).state, 'SUCCESS')
const [stopped] = (await c.describeTasks({ tasks })).tasks
assert.deepEqual([stopped.stopCode, stopped.stoppedReason], ['UserInitiated', 'g\u00e9nug'])
await assert.rejects(ecs.waitUntilTasksRunning({ ...waiting, maxWaitTime: 10 }, { tasks }), /FAILURE/)

// A service: create twice, stable, update, stable, scale, stop, delete, inactive, gone.
const wanted = { serviceName: name, taskDefinition: name, desiredCount: 2, clientToken: 'js-token', tags: [{ key: 'team', value: 'a' }] }
const { service } = await c.createService(wanted)
assert.equal((await c.createService(wanted)).service.serviceArn, service.serviceArn)
await refused(c.createService({ ...wanted, desiredCount: 3 }), 'InvalidParameterException', 400, 'not idempotent')
assert.ok(service.createdAt instanceof Date && service.deployments[0].createdAt instanceof Date)
assert.equal((await ecs.waitUntilServicesStable(waiting, { services: [name] })).state, 'SUCCESS')
await define('exec sleep 2000')
const updated = (await c.updateService({ service: service.serviceArn, taskDefinition: name, desiredCount: 1 })).service
assert.equal(updated.deployments.length, 2)
assert.equal((await ecs.waitUntilServicesStable(waiting, { services: [name] })).state, 'SUCCESS')
const [now] = (await c.describeServices({ services: [name], include: ['TAGS'] })).services
assert.equal(now.taskDefinition, updated.taskDefinition)
assert.deepEqual(now.tags, [{ key: 'team', value: 'a' }])
assert.ok(now.events.length > 1 && now.events.every(e => e.createdAt instanceof Date && e.message.startsWith(`(service ${name})`)))
assert.equal(now.deployments[0].rolloutState, 'COMPLETED')
const history = await c.listServiceDeployments({ service: name })
// Stable is one deployment and enough tasks; the first one was replaced before its tasks had run for 40 seconds.
assert.deepEqual(history.serviceDeployments.map(d => d.status), ['SUCCESSFUL', 'STOPPED'])
const { serviceRevisions } = await c.describeServiceRevisions({ serviceRevisionArns: history.serviceDeployments.map(d => d.targetServiceRevisionArn) })
assert.deepEqual(serviceRevisions.map(r => r.taskDefinition.slice(-2)), [':2', ':1'])
assert.equal((await tasksOf({ serviceName: name })).length, 1)
assert.deepEqual(await all(ecs.paginateListServices({ client: c, pageSize: 1 }, {}), 'serviceArns'), [service.serviceArn])
await refused(c.deleteService({ service: name }), 'InvalidParameterException', 400, 'scaled above 0')
await c.deleteService({ service: name, force: true })
assert.equal((await ecs.waitUntilServicesInactive(waiting, { services: [name] })).state, 'SUCCESS')
const gone = await refused(c.updateService({ service: name, desiredCount: 1 }), 'ServiceNotActiveException')
assert.ok(gone instanceof ecs.ServiceNotActiveException)
assert.ok(await refused(c.updateService({ service: 'no-such', desiredCount: 1 }), 'ServiceNotFoundException') instanceof ecs.ServiceNotFoundException)
await assert.rejects(ecs.waitUntilServicesStable({ ...waiting, maxWaitTime: 10 }, { services: [name] }), /FAILURE/)
assert.deepEqual(await tasksOf({}), [])
