// SPDX-License-Identifier: Apache-2.0
// ECR through @aws-sdk/client-ecr: repositories, tags, policies, lifecycle with its waiter, layers and images through the JSON API.
import { createHash } from 'node:crypto'
import { account, all, assert, ecr, name, policy, refused, settings } from './sdk.mjs'

const c = new ecr.ECR(settings())
const arn = `arn:aws:ecr:us-east-1:${account}:repository/${name}`
const repositoryName = name

// Repositories
const made = (await c.createRepository({
    repositoryName, tags: [{ Key: '\u540d\u524d', Value: 'caf\u00e9 \u{1f6a2}' }, { Key: 'team', Value: 'a' }],
    imageTagMutability: 'IMMUTABLE_WITH_EXCLUSION',
    imageTagMutabilityExclusionFilters: [{ filterType: 'WILDCARD', filter: 'latest*' }]
})).repository
assert.equal(made.repositoryArn, arn)
assert.equal(made.registryId, account)
assert.equal(made.repositoryUri, new URL(process.env.ENDPOINT).host + '/' + name)
assert.ok(made.createdAt instanceof Date && Math.abs(made.createdAt - new Date()) < 60000)
assert.deepEqual(made.imageTagMutabilityExclusionFilters, [{ filterType: 'WILDCARD', filter: 'latest*' }])
const again = await refused(c.createRepository({ repositoryName }), 'RepositoryAlreadyExistsException')
assert.ok(again instanceof ecr.RepositoryAlreadyExistsException)
const none = await refused(c.describeRepositories({ repositoryNames: ['no/such'] }), 'RepositoryNotFoundException', 400, 'no/such')
assert.ok(none instanceof ecr.RepositoryNotFoundException)
await refused(c.createRepository({ repositoryName: 'UPPER' }), 'InvalidParameterException', 400, 'repositoryName')
for (const n of [1, 2, 3])
    await c.createRepository({ repositoryName: `${name}/${n}` })
const names = (await all(ecr.paginateDescribeRepositories({ client: c, pageSize: 2 }, {}), 'repositories')).map(r => r.repositoryName)
for (const n of ['', '/1', '/2', '/3'])
    assert.equal(names.filter(x => x === name + n).length, 1)

// Tags, unicode as it was given
const byKey = (a, b) => a.Key < b.Key ? -1 : 1
assert.deepEqual((await c.listTagsForResource({ resourceArn: arn })).tags.sort(byKey),
    [{ Key: '\u540d\u524d', Value: 'caf\u00e9 \u{1f6a2}' }, { Key: 'team', Value: 'a' }].sort(byKey))
await c.tagResource({ resourceArn: arn, tags: [{ Key: 'team', Value: '\u0394' }] })
await c.untagResource({ resourceArn: arn, tagKeys: ['\u540d\u524d'] })
assert.deepEqual((await c.listTagsForResource({ resourceArn: arn })).tags, [{ Key: 'team', Value: '\u0394' }])

// Settings
await c.putImageTagMutability({ repositoryName, imageTagMutability: 'MUTABLE' })
await c.putImageScanningConfiguration({ repositoryName, imageScanningConfiguration: { scanOnPush: false } })
const read = (await c.describeRepositories({ repositoryNames: [name] })).repositories[0]
assert.equal(read.imageTagMutability, 'MUTABLE')
assert.equal(read.imageScanningConfiguration.scanOnPush, false)
assert.equal(read.encryptionConfiguration.encryptionType, 'AES256')

// Policies
const text = policy({ Sid: '\u00e9', Effect: 'Allow', Principal: '*', Action: ['ecr:BatchGetImage'] })
await refused(c.getRepositoryPolicy({ repositoryName }), 'RepositoryPolicyNotFoundException')
assert.equal((await c.setRepositoryPolicy({ repositoryName, policyText: text })).policyText, text)
assert.equal((await c.getRepositoryPolicy({ repositoryName })).policyText, text)
await refused(c.setRepositoryPolicy({ repositoryName, policyText: '{' }), 'InvalidParameterException', 400, 'line 1')
await c.deleteRepositoryPolicy({ repositoryName })
await refused(c.getRegistryPolicy({}), 'RegistryPolicyNotFoundException')

// An image by parts
async function layer(bytes) {
    const { uploadId, partSize } = await c.initiateLayerUpload({ repositoryName })
    assert.equal(typeof partSize, 'number')
    const part = await c.uploadLayerPart({ repositoryName, uploadId, partFirstByte: 0, partLastByte: bytes.length - 1, layerPartBlob: bytes })
    assert.equal(part.lastByteReceived, bytes.length - 1)
    const digest = 'sha256:' + createHash('sha256').update(bytes).digest('hex')
    assert.equal((await c.completeLayerUpload({ repositoryName, uploadId, layerDigests: [digest] })).layerDigest, digest)
    return { digest, size: bytes.length }
}
const config = await layer(Buffer.from(JSON.stringify({ architecture: 'amd64', os: 'linux', rootfs: { type: 'layers', diff_ids: [] } })))
const bytes = Buffer.alloc(100000, 'caf\u00e9')
const blob = await layer(bytes)
const type = 'application/vnd.oci.image.manifest.v1+json'
const imageManifest = JSON.stringify({
    schemaVersion: 2, mediaType: type, config: { mediaType: 'application/vnd.oci.image.config.v1+json', ...config },
    layers: [{ mediaType: 'application/vnd.oci.image.layer.v1.tar', ...blob }]
})
for (const imageTag of ['v1', 'v2', 'latest'])
    assert.equal((await c.putImage({ repositoryName, imageManifest, imageTag })).image.imageId.imageTag, imageTag)
await refused(c.putImage({ repositoryName, imageManifest, imageTag: 'v1' }), 'ImageAlreadyExistsException')
assert.equal((await all(ecr.paginateListImages({ client: c, pageSize: 1 }, { repositoryName }), 'imageIds')).length, 3)
const [details] = (await c.describeImages({ repositoryName, imageIds: [{ imageTag: 'v1' }] })).imageDetails
assert.deepEqual(details.imageTags.sort(), ['latest', 'v1', 'v2'])
assert.ok(details.imagePushedAt instanceof Date && details.imageSizeInBytes >= bytes.length)
const got = await c.batchGetImage({ repositoryName, imageIds: [{ imageTag: 'v1' }, { imageTag: 'no' }], acceptedMediaTypes: [type] })
assert.equal(got.images[0].imageManifest, imageManifest)
assert.deepEqual(got.failures.map(f => f.failureCode), ['ImageNotFound'])
const there = await c.batchCheckLayerAvailability({ repositoryName, layerDigests: [blob.digest, 'sha256:' + '0'.repeat(64)] })
assert.equal(there.layers[0].layerAvailability, 'AVAILABLE')
const { downloadUrl } = await c.getDownloadUrlForLayer({ repositoryName, layerDigest: blob.digest })
assert.deepEqual(Buffer.from(await (await fetch(downloadUrl)).arrayBuffer()), bytes)
await refused(c.getDownloadUrlForLayer({ repositoryName, layerDigest: 'sha256:' + '0'.repeat(64) }), 'LayersNotFoundException')
await refused(c.deleteRepository({ repositoryName }), 'RepositoryNotEmptyException')

// Lifecycle
const lifecyclePolicyText = JSON.stringify({
    rules: [{
        rulePriority: 1, description: 'caf\u00e9', selection: { tagStatus: 'tagged', tagPatternList: ['v*'], countType: 'imageCountMoreThan', countNumber: 1 },
        action: { type: 'expire' }
    }]
})
await refused(c.getLifecyclePolicy({ repositoryName }), 'LifecyclePolicyNotFoundException')
assert.equal((await c.putLifecyclePolicy({ repositoryName, lifecyclePolicyText })).lifecyclePolicyText, lifecyclePolicyText)
const stored = await c.getLifecyclePolicy({ repositoryName })
assert.equal(stored.lifecyclePolicyText, lifecyclePolicyText)
assert.ok(stored.lastEvaluatedAt === undefined || stored.lastEvaluatedAt instanceof Date)
await c.startLifecyclePolicyPreview({ repositoryName })
await ecr.waitUntilLifecyclePolicyPreviewComplete({ client: c, maxWaitTime: 30, minDelay: 1, maxDelay: 1 }, { repositoryName })
const preview = await c.getLifecyclePolicyPreview({ repositoryName })
assert.equal(preview.status, 'COMPLETE')
assert.equal(preview.summary.expiringImageTotalCount, 0)
await refused(c.putLifecyclePolicy({ repositoryName, lifecyclePolicyText: '{"rules":7}' }), 'InvalidParameterException')
await c.deleteLifecyclePolicy({ repositoryName })

// Login, and what is not here
const [auth] = (await c.getAuthorizationToken({})).authorizationData
assert.ok(auth.expiresAt instanceof Date)
const basic = { headers: { authorization: 'Basic ' + auth.authorizationToken } }
assert.equal((await fetch(`${process.env.ENDPOINT}/v2/${name}/manifests/v1`, { headers: { ...basic.headers, accept: type } })).status, 200)
await refused(c.startImageScan({ repositoryName, imageId: { imageTag: 'v1' } }), 'UnsupportedFeatureException')

// The end
const removed = await c.batchDeleteImage({ repositoryName, imageIds: [{ imageTag: 'v2' }, { imageTag: 'no' }] })
assert.equal(removed.imageIds.length, 1)
assert.equal(removed.failures[0].failureCode, 'ImageNotFound')
for (const n of ['/1', '/2', '/3'])
    await c.deleteRepository({ repositoryName: name + n })
assert.equal((await c.deleteRepository({ repositoryName, force: true })).repository.repositoryName, name)
await refused(c.listImages({ repositoryName }), 'RepositoryNotFoundException')
