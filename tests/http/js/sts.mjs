// SPDX-License-Identifier: Apache-2.0
// STS through @aws-sdk/client-sts: roles are assumed and their temporary credentials used with the other clients.
import { account, allow, assert, ecr, iam, keyOf, name, policy, refused, settings, sts } from './sdk.mjs'

const admin = new iam.IAM(settings()), c = new sts.STS(settings())
const RoleArn = `arn:aws:iam::${account}:role/${name}`
const trust = JSON.stringify({
    Version: '2012-10-17', Statement: [{ Effect: 'Allow', Principal: { AWS: account }, Action: ['sts:AssumeRole', 'sts:TagSession'] }]
})
await admin.createRole({ RoleName: name, AssumeRolePolicyDocument: trust })
await admin.putRolePolicy({ RoleName: name, PolicyName: 'p', PolicyDocument: policy(allow(['ecr:*', 'sts:AssumeRole'])) })
assert.equal((await c.getCallerIdentity({})).Arn, `arn:aws:iam::${account}:user/admin`)

const session = await c.assumeRole({ RoleArn, RoleSessionName: 'ci@build-1', DurationSeconds: 900, Tags: [{ Key: 'team', Value: '\u0394 \u540d' }] })
const key = keyOf(session)
assert.ok(key[0].startsWith('ASIA') && key[2])
assert.equal(session.AssumedRoleUser.Arn, `arn:aws:sts::${account}:assumed-role/${name}/ci@build-1`)
const mine = new sts.STS(settings(key))
assert.equal((await mine.getCallerIdentity({})).Arn, session.AssumedRoleUser.Arn)
const images = new ecr.ECR(settings(key))
await images.createRepository({ repositoryName: name })
const { authorizationData: [auth] } = await images.getAuthorizationToken({})
const tags = await fetch(`${process.env.ENDPOINT}/v2/${name}/tags/list`, { headers: { authorization: 'Basic ' + auth.authorizationToken } })
assert.equal(tags.status, 200)
await refused(new iam.IAM(settings(key)).listUsers({}), 'AccessDenied', 403, session.AssumedRoleUser.Arn)

// By a provider of the SDK, as programs do it
const provider = async () => {
    const made = await c.assumeRole({ RoleArn, RoleSessionName: 'provider', Policy: policy(allow('ecr:DescribeRepositories')) })
    assert.ok(made.PackedPolicySize > 0)
    const [accessKeyId, secretAccessKey, sessionToken] = keyOf(made)
    return { accessKeyId, secretAccessKey, sessionToken, expiration: made.Credentials.Expiration }
}
const narrow = new ecr.ECR({ ...settings(), credentials: provider })
await narrow.describeRepositories({})
await refused(narrow.deleteRepository({ repositoryName: name }), 'AccessDeniedException', 400, 'no session policy allows')

// Refusals
await refused(mine.assumeRole({ RoleArn, RoleSessionName: 'chain', DurationSeconds: 3601 }), 'ValidationError', 400)
keyOf(await mine.assumeRole({ RoleArn, RoleSessionName: 'chain', DurationSeconds: 3600 }))
await refused(c.assumeRole({ RoleArn: RoleArn + '-no', RoleSessionName: 'x1' }), 'AccessDenied', 403)
await refused(c.assumeRole({ RoleArn, RoleSessionName: 'x1', Policy: '{' }), 'MalformedPolicyDocumentException', 400)
await refused(new sts.STS(settings([key[0], key[1]])).getCallerIdentity({}), 'InvalidClientTokenId', 403)
await refused(new sts.STS(settings([key[0], 'wrong', key[2]])).getCallerIdentity({}), 'SignatureDoesNotMatch', 403)
await refused(new ecr.ECR(settings([key[0], 'wrong', key[2]])).describeRepositories({}), 'InvalidSignatureException', 400)
await refused(new sts.STS(settings(undefined, { systemClockOffset: -3600000 })).getCallerIdentity({}), 'SignatureDoesNotMatch', 403, 'expired')
const token = await c.getSessionToken({ DurationSeconds: 900 })
await new ecr.ECR(settings(keyOf(token))).describeRepositories({})
assert.equal((await c.getAccessKeyInfo({ AccessKeyId: key[0] })).Account, account)

// A deleted role is nobody, at once
await admin.deleteRolePolicy({ RoleName: name, PolicyName: 'p' })
await refused(images.describeRepositories({}), 'AccessDeniedException')
await admin.deleteRole({ RoleName: name })
await refused(images.describeRepositories({}), 'UnrecognizedClientException')
await refused(mine.getCallerIdentity({}), 'InvalidClientTokenId', 403)
