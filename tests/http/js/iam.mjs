// SPDX-License-Identifier: Apache-2.0
// IAM through @aws-sdk/client-iam: users, groups, roles, policies with versions, keys, profiles, boundaries, simulation.
import { account, all, allow, assert, ecr, iam, name, policy, refused, settings } from './sdk.mjs'

const c = new iam.IAM(settings())
const arn = (kind, n = name) => `arn:aws:iam::${account}:${kind}/${n}`
const trust = JSON.stringify({ Version: '2012-10-17', Statement: [{ Effect: 'Allow', Principal: { Service: 'ecs-tasks.amazonaws.com' }, Action: 'sts:AssumeRole' }] })

// Users and keys
const UserName = name
const user = (await c.createUser({ UserName, Path: '/a/b/', Tags: [{ Key: '\u540d', Value: 'caf\u00e9 \u5024 + 1' }] })).User
assert.equal(user.Arn, arn('user', 'a/b/' + name))
assert.ok(user.CreateDate instanceof Date)
assert.deepEqual((await c.getUser({ UserName })).User.Tags, [{ Key: '\u540d', Value: 'caf\u00e9 \u5024 + 1' }])
const twice = await refused(c.createUser({ UserName }), 'EntityAlreadyExistsException', 409)
assert.ok(twice instanceof iam.EntityAlreadyExistsException)
const nobody = await refused(c.getUser({ UserName: 'nobody' }), 'NoSuchEntityException', 404, 'nobody')
assert.ok(nobody instanceof iam.NoSuchEntityException)
await refused(c.createUser({ UserName: 'a b' }), 'ValidationError', 400)
const { AccessKey } = await c.createAccessKey({ UserName })
const key = [AccessKey.AccessKeyId, AccessKey.SecretAccessKey]
const mine = new ecr.ECR(settings(key))
const denied = await refused(mine.describeRepositories({}), 'AccessDeniedException', 400, 'no identity-based policy allows')
assert.ok(denied.message.startsWith(`User: ${user.Arn} is not authorized to perform: ecr:DescribeRepositories on resource: `))
await refused(new iam.IAM(settings(key)).listUsers({}), 'AccessDenied', 403, 'iam:ListUsers')

// Policies and versions
const document = policy(allow('ecr:DescribeRepositories'))
const made = (await c.createPolicy({ PolicyName: name, PolicyDocument: document, Description: '\u00e9', Tags: [{ Key: 'k', Value: '' }] })).Policy
const PolicyArn = made.Arn
assert.equal(PolicyArn, arn('policy'))
assert.equal(made.AttachmentCount, 0)
const bad = await refused(c.createPolicy({ PolicyName: name + '-bad', PolicyDocument: '{"Version":"2012-10-17"}' }), 'MalformedPolicyDocumentException', 400, 'Statement')
assert.ok(bad instanceof iam.MalformedPolicyDocumentException)
const second = await c.createPolicyVersion({ PolicyArn, PolicyDocument: policy(allow('ecr:*')), SetAsDefault: true })
assert.deepEqual([second.PolicyVersion.VersionId, second.PolicyVersion.IsDefaultVersion], ['v2', true])
const version = (await c.getPolicyVersion({ PolicyArn, VersionId: 'v1' })).PolicyVersion
assert.equal(decodeURIComponent(version.Document), document)
await refused(c.deletePolicyVersion({ PolicyArn, VersionId: 'v2' }), 'DeleteConflictException', 409)
await c.attachUserPolicy({ UserName, PolicyArn })
await mine.describeRepositories({})
await c.setDefaultPolicyVersion({ PolicyArn, VersionId: 'v1' })
await c.deletePolicyVersion({ PolicyArn, VersionId: 'v2' })
await refused(mine.createRepository({ repositoryName: name }), 'AccessDeniedException')
await refused(c.deletePolicy({ PolicyArn }), 'DeleteConflictException', 409)
assert.equal((await c.getPolicy({ PolicyArn })).Policy.AttachmentCount, 1)

// Inline, groups, boundary
await c.putUserPolicy({ UserName, PolicyName: 'p+=,.@-_', PolicyDocument: policy(allow('ecr:CreateRepository')) })
assert.deepEqual((await c.listUserPolicies({ UserName })).PolicyNames, ['p+=,.@-_'])
await c.createGroup({ GroupName: name })
await c.addUserToGroup({ GroupName: name, UserName })
assert.deepEqual((await c.listGroupsForUser({ UserName })).Groups.map(g => g.GroupName), [name])
await c.putUserPermissionsBoundary({ UserName, PermissionsBoundary: PolicyArn })
await refused(mine.createRepository({ repositoryName: name }), 'AccessDeniedException', 400, 'no permissions boundary allows')
await c.deleteUserPermissionsBoundary({ UserName })
const simulated = await c.simulatePrincipalPolicy({ PolicySourceArn: user.Arn, ActionNames: ['ecr:CreateRepository', 'ecr:PutImage'] })
assert.deepEqual(simulated.EvaluationResults.map(x => x.EvalDecision), ['allowed', 'implicitDeny'])

// Roles and profiles
const RoleName = name
const role = (await c.createRole({ RoleName, AssumeRolePolicyDocument: trust, MaxSessionDuration: 7200, Description: 'd', Tags: [{ Key: 'k', Value: 'v' }] })).Role
assert.equal(decodeURIComponent(role.AssumeRolePolicyDocument), trust)
assert.equal(role.MaxSessionDuration, 7200)
await c.putRolePolicy({ RoleName, PolicyName: 'in', PolicyDocument: document })
await c.attachRolePolicy({ RoleName, PolicyArn })
await c.createInstanceProfile({ InstanceProfileName: name })
await c.addRoleToInstanceProfile({ InstanceProfileName: name, RoleName })
assert.equal((await c.listInstanceProfilesForRole({ RoleName })).InstanceProfiles.length, 1)
await refused(c.deleteRole({ RoleName }), 'DeleteConflictException', 409)
for (const n of [1, 2, 3])
    await c.createRole({ RoleName: `${name}-${n}`, AssumeRolePolicyDocument: trust, Path: `/${name}/` })
assert.equal((await all(iam.paginateListRoles({ client: c, pageSize: 1 }, { PathPrefix: `/${name}/` }), 'Roles')).length, 3)
await iam.waitUntilRoleExists({ client: c, maxWaitTime: 5 }, { RoleName })
await iam.waitUntilUserExists({ client: c, maxWaitTime: 5 }, { UserName })
await iam.waitUntilPolicyExists({ client: c, maxWaitTime: 5 }, { PolicyArn })

// The end, in the order that destroys it
await c.removeRoleFromInstanceProfile({ InstanceProfileName: name, RoleName })
await c.deleteInstanceProfile({ InstanceProfileName: name })
await c.deleteRolePolicy({ RoleName, PolicyName: 'in' })
await c.detachRolePolicy({ RoleName, PolicyArn })
for (const n of ['', '-1', '-2', '-3'])
    await c.deleteRole({ RoleName: name + n })
await c.removeUserFromGroup({ GroupName: name, UserName })
await c.deleteGroup({ GroupName: name })
await c.detachUserPolicy({ UserName, PolicyArn })
await c.deleteUserPolicy({ UserName, PolicyName: 'p+=,.@-_' })
await refused(c.deleteUser({ UserName }), 'DeleteConflictException', 409)
await c.deleteAccessKey({ UserName, AccessKeyId: key[0] })
await c.deleteUser({ UserName })
await c.deletePolicy({ PolicyArn })
await refused(mine.describeRepositories({}), 'UnrecognizedClientException')
