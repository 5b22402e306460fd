// SPDX-License-Identifier: Apache-2.0
// What the scripts of this folder share. Environment: SDK, a folder with node_modules; ENDPOINT; KEY, JSON [id, secret]; SLIPWAY;
// the last argument is a name that no other script uses.
import assert from 'node:assert/strict'
import { createRequire } from 'node:module'
import path from 'node:path'

export const require = createRequire(path.join(process.env.SDK, 'x.js'))
export const name = process.argv[2]
export const account = '000000000000'
export const ecr = require('@aws-sdk/client-ecr')
export const iam = require('@aws-sdk/client-iam')
export const sts = require('@aws-sdk/client-sts')
export const ecs = require('@aws-sdk/client-ecs')
export const providers = require('@aws-sdk/credential-providers')
export { assert }

export function settings(key = JSON.parse(process.env.KEY), more = {}) {
    return {
        endpoint: process.env.ENDPOINT, region: 'us-east-1', maxAttempts: 1,
        credentials: { accessKeyId: key[0], secretAccessKey: key[1], sessionToken: key[2] }, ...more
    }
}

// Fails unless the call is refused with that error; returns it.
export async function refused(promise, errorName, status = 400, part = '') {
    const error = await promise.then(() => assert.fail('not refused: ' + errorName), e => e)
    assert.equal(error.name, errorName, String(error.stack))
    assert.equal(error.$metadata.httpStatusCode, status, String(error))
    assert.ok(error.$metadata.requestId, 'an error without a request id')
    assert.ok(error.message.includes(part), error.message)
    return error
}

export async function all(pages, member) {
    const found = []
    for await (const page of pages)
        found.push(...page[member])
    return found
}

export function keyOf(reply) {
    const c = reply.Credentials
    assert.ok(c.Expiration instanceof Date && c.Expiration > new Date())
    return [c.AccessKeyId, c.SecretAccessKey, c.SessionToken]
}

export const allow = (action, resource = '*', more = {}) => ({ Effect: 'Allow', Action: action, Resource: resource, ...more })
export const policy = (...statements) => JSON.stringify({ Version: '2012-10-17', Statement: statements })
