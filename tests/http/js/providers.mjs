// SPDX-License-Identifier: Apache-2.0
// The SDK's own credential providers: temporary credentials of a role, and a web identity token as CI systems have it.
import { execFileSync } from 'node:child_process'
import { generateKeyPairSync, sign } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { account, allow, ecr, iam, name, policy, providers, refused, settings } from './sdk.mjs'

const admin = new iam.IAM(settings())
const clientConfig = { endpoint: process.env.ENDPOINT, region: 'us-east-1', maxAttempts: 1 }
const trust = (principal, action, more = {}) => JSON.stringify({
    Version: '2012-10-17', Statement: [{ Effect: 'Allow', Principal: principal, Action: action, ...more }]
})

// A role of the caller's; the provider asks again when the credentials expire
const RoleArn = `arn:aws:iam::${account}:role/${name}`
await admin.createRole({ RoleName: name, AssumeRolePolicyDocument: trust({ AWS: account }, 'sts:AssumeRole') })
await admin.putRolePolicy({ RoleName: name, PolicyName: 'p', PolicyDocument: policy(allow('ecr:DescribeRepositories')) })
const temporary = new ecr.ECR({
    ...settings(), credentials: providers.fromTemporaryCredentials({
        masterCredentials: settings().credentials, clientConfig, params: { RoleArn, RoleSessionName: 'sdk', DurationSeconds: 900 }
    })
})
await temporary.describeRepositories({})
await refused(temporary.createRepository({ repositoryName: name }), 'AccessDeniedException', 400, `assumed-role/${name}/sdk`)

// A token of an issuer whose keys are registered
const issuer = `token.${name}.example.com`
const { publicKey, privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
const jwks = `${process.env.HOME}/${name}.jwks`
writeFileSync(jwks, JSON.stringify({ keys: [{ ...publicKey.export({ format: 'jwk' }), kid: 'k1', use: 'sig', alg: 'RS256' }] }))
const { OpenIDConnectProviderArn: Federated } = await admin.createOpenIDConnectProvider({
    Url: 'https://' + issuer, ClientIDList: ['sts.amazonaws.com'], ThumbprintList: ['0'.repeat(40)]
})
execFileSync(process.env.SLIPWAY, ['oidc', 'keys', 'https://' + issuer, '--jwks', jwks])
await admin.createRole({
    RoleName: name + '-web', AssumeRolePolicyDocument: trust({ Federated }, 'sts:AssumeRoleWithWebIdentity', {
        Condition: { StringEquals: { [issuer + ':sub']: 'repo:org/caf\u00e9' } }
    })
})
await admin.putRolePolicy({ RoleName: name + '-web', PolicyName: 'p', PolicyDocument: policy(allow('ecr:DescribeRepositories')) })
const part = value => Buffer.from(JSON.stringify(value)).toString('base64url')
function client(claims) {
    const now = Math.floor(Date.now() / 1000)
    const text = part({ alg: 'RS256', kid: 'k1', typ: 'JWT' }) + '.' +
        part({ iss: 'https://' + issuer, aud: 'sts.amazonaws.com', sub: 'repo:org/caf\u00e9', iat: now, exp: now + 300, ...claims })
    const token = text + '.' + sign('sha256', text, privateKey).toString('base64url')
    return new ecr.ECR({
        ...settings(), credentials: providers.fromWebToken({
            clientConfig, roleArn: RoleArn + '-web', roleSessionName: 'ci', webIdentityToken: token
        })
    })
}
await client({}).describeRepositories({})
for (const [claims, error, status] of [[{ sub: 'repo:org/other' }, 'AccessDenied', 403], [{ exp: 1 }, 'ExpiredTokenException', 400],
    [{ aud: 'elsewhere' }, 'InvalidIdentityTokenException', 400]])
    await refused(client(claims).describeRepositories({}), error, status)

for (const n of ['', '-web']) {
    await admin.deleteRolePolicy({ RoleName: name + n, PolicyName: 'p' })
    await admin.deleteRole({ RoleName: name + n })
}
await admin.deleteOpenIDConnectProvider({ OpenIDConnectProviderArn: Federated })
await refused(temporary.describeRepositories({}), 'UnrecognizedClientException')
