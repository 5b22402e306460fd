// SPDX-License-Identifier: Apache-2.0
// Pairs of policies and a request, from a seed and an index alone. Biased so that policies are about the request more often than not:
// what never matches tells nothing.
const A = '111111111111', B = '222222222222'
const REGIONS = ['us-east-1', 'eu-west-1']
const NAMES = ['app', 'web', 'team-a/app', 'team-a/web', 'team-b/app', 'böse-ü']
const TEAMS = ['team-a', 'team-b', 'ops', 'Team-A']

function random(seed, index) {
  let s = (seed * 0x9e3779b1 + index * 0x85ebca6b + 0x1234567) >>> 0
  const next = () => {
    s = (s + 0x6d2b79f5) >>> 0
    let t = Math.imul(s ^ (s >>> 15), s | 1)
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61)
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296
  }
  const r = {
    below: (n) => Math.floor(next() * n),
    chance: (p) => next() < p,
    of: (items) => items[Math.floor(next() * items.length)],
    some: (items, most) => Array.from({ length: 1 + Math.floor(next() * most) }, () => r.of(items)),
  }
  return r
}

// action -> how its resource looks; extra context keys that it has.
const ACTIONS = {
  'ecr:PutImage': { resource: (x) => `arn:aws:ecr:${x.region}:${x.owner}:repository/${x.name}` },
  'ecr:BatchGetImage': { resource: (x) => `arn:aws:ecr:${x.region}:${x.owner}:repository/${x.name}` },
  'ecr:DescribeImages': { resource: (x) => `arn:aws:ecr:${x.region}:${x.owner}:repository/${x.name}` },
  'ecr:GetAuthorizationToken': { resource: () => '*' },
  'ecs:RunTask': {
    resource: (x) => `arn:aws:ecs:${x.region}:${x.owner}:task-definition/${x.name}:7`,
    keys: ['ecs:cluster', 'ecs:task-cpu', 'ecs:enable-execute-command'],
  },
  'ecs:StopTask': { resource: (x) => `arn:aws:ecs:${x.region}:${x.owner}:task/main/${x.name}`, keys: ['ecs:cluster'] },
  'ecs:UpdateService': { resource: (x) => `arn:aws:ecs:${x.region}:${x.owner}:service/main/${x.name}`, keys: ['ecs:cluster'] },
  'ecs:ListClusters': { resource: () => '*' },
  'iam:PassRole': { resource: (x) => `arn:aws:iam::${x.owner}:role/${x.name}`, keys: ['iam:PassedToService'] },
  'iam:GetRole': { resource: (x) => `arn:aws:iam::${x.owner}:role/${x.name}` },
  'iam:CreateUser': { resource: (x) => `arn:aws:iam::${x.owner}:user/${x.name}` },
  'iam:ListUsers': { resource: () => '*' },
  'sts:AssumeRole': { resource: (x) => `arn:aws:iam::${x.owner}:role/${x.name}`, keys: ['sts:ExternalId'] },
  'logs:DescribeLogStreams': { resource: (x) => `arn:aws:logs:${x.region}:${x.owner}:log-group:${x.name}` },
  'logs:PutLogEvents': { resource: (x) => `arn:aws:logs:${x.region}:${x.owner}:log-group:${x.name}:log-stream:one` },
}
const ACTION_NAMES = Object.keys(ACTIONS)

const DATES = ['2024-01-01T00:00:00Z', '2025-06-15T12:30:00Z', '2026-11-21T17:00:00.5Z', '2025-06-15T14:30:00+02:00', '2025-06-15']
const ADDRESSES = ['10.0.0.1', '10.0.1.77', '192.168.7.9', '203.0.113.250', '2001:db8::1', '2001:db8:1::ff', 'fe80::1']
const BLOCKS = ['10.0.0.0/24', '10.0.0.0/8', '10.0.1.64/26', '0.0.0.0/0', '203.0.113.250/32', '2001:db8::/32', '2001:db8::/127',
  '192.168.0.0/21', '10.0.0.1', '2001:db8::1']
const ARNS = [`arn:aws:ecs:us-east-1:${A}:cluster/main`, `arn:aws:ecs:us-east-1:${A}:cluster/side`,
  `arn:aws:iam::${A}:role/deploy`, `arn:aws:iam::${B}:user/team-a`]
const ARN_PATTERNS = [...ARNS, `arn:aws:ecs:*:${A}:cluster/*`, 'arn:aws:*:*:*:*', `arn:aws:iam::${A}:role/*`, 'arn:*:iam::*:user/team-?',
  `arn:aws:ecs:us-east-1:*:cluster/m*n`, 'arn:aws:iam::${aws:PrincipalAccount}:role/deploy', 'arn:aws:ecs:us*1:*:*main']
const NUMBERS = ['0', '1', '256', '1024', '-5', '3.5', '3.50', '0256', '1000000000']
const STRINGS = [...TEAMS, 'ecs-tasks.amazonaws.com', '', 'x', 'a*b', 'a?b']
const PATTERNS = [...TEAMS, 'team-*', '*', 'team-?', 't*m-*', '*-a', '${aws:PrincipalTag/team}', "${aws:PrincipalTag/team, 'team-a'}",
  '${aws:username}', 'team${*}', 'a${*}b', 'a*b', 'a${?}b', '${$}x', '*${aws:PrincipalTag/team}*', '${aws:TagKeys}', '', 'böse-ü', 'b?se*',
  "${aws:nowhere, 'ops'}", '${aws:nowhere}', "te${aws:nowhere, 'am'}-a"]

// key -> its kind and the values that a request may have.
const KEYS = {
  'aws:PrincipalTag/team': ['String', TEAMS],
  'aws:username': ['String', ['team-a', 'ops']],
  'aws:RequestedRegion': ['String', REGIONS],
  'aws:ResourceTag/team': ['String', STRINGS],
  'aws:RequestTag/owner': ['String', STRINGS],
  'aws:PrincipalAccount': ['String', [A, B]],
  'aws:UserAgent': ['String', ['QUJD', 'QUJDRA==', 'docker/27', 'x']],
  'aws:TagKeys': ['Set', STRINGS],
  'aws:CalledVia': ['Set', ['ecs.amazonaws.com', 'cloudformation.amazonaws.com']],
  'aws:SourceIp': ['Ip', ADDRESSES],
  'aws:SecureTransport': ['Bool', ['true', 'false']],
  'aws:MultiFactorAuthPresent': ['Bool', ['true', 'false']],
  'aws:CurrentTime': ['Date', DATES],
  'aws:TokenIssueTime': ['Date', DATES],
  'aws:MultiFactorAuthAge': ['Numeric', NUMBERS],
  'aws:PrincipalArn': ['Arn', ARNS],
  'aws:SourceArn': ['Arn', ARNS],
  'ecs:cluster': ['Arn', ARNS],
  'ecs:task-cpu': ['Numeric', NUMBERS],
  'ecs:enable-execute-command': ['String', ['true', 'false']],
  'iam:PassedToService': ['String', ['ecs-tasks.amazonaws.com', 'ec2.amazonaws.com']],
  'sts:ExternalId': ['String', ['x', 'secret']],
}
const GLOBAL_KEYS = Object.keys(KEYS).filter((k) => k.startsWith('aws:'))

const six = (name) => ['Equals', 'NotEquals', 'LessThan', 'LessThanEquals', 'GreaterThan', 'GreaterThanEquals'].map((o) => name + o)
const STRING_OPS = ['StringEquals', 'StringNotEquals', 'StringEqualsIgnoreCase', 'StringNotEqualsIgnoreCase', 'StringLike', 'StringNotLike']
const OPERATORS = {
  String: [...STRING_OPS, 'BinaryEquals'], Set: STRING_OPS, Ip: ['IpAddress', 'NotIpAddress'], Bool: ['Bool'],
  Date: six('Date'), Numeric: six('Numeric'), Arn: ['ArnEquals', 'ArnLike', 'ArnNotEquals', 'ArnNotLike', 'StringLike'],
}

function policyValues(r, key, operator) {
  if (operator === 'BinaryEquals') return r.some(['QUJD', 'QUJDRA==', 'dGVhbS1h'], 2)
  if (operator.startsWith('String')) return r.chance(0.5) ? r.some(KEYS[key][1], 2) : r.some(PATTERNS, 3)
  if (operator.startsWith('Arn')) return r.some(ARN_PATTERNS, 2)
  if (operator.includes('IpAddress')) return r.some(BLOCKS, 2)
  if (operator.startsWith('Date')) return r.some(DATES, 2)
  if (operator.startsWith('Numeric')) return r.some(NUMBERS, 2)
  return r.some(['true', 'false', 'True'], 1)
}

const single = (r, items) => (items.length === 1 && r.chance(0.6) ? items[0] : items)

function condition(r, x) {
  const out = {}
  const keys = [...GLOBAL_KEYS, ...(ACTIONS[x.action].keys ?? []), ...Object.keys(x.context)]
  for (let n = 1 + r.below(2); n > 0; n--) {
    const key = r.of(keys)
    let operator = r.of(OPERATORS[KEYS[key][0]])
    let values = policyValues(r, key, operator)
    if (KEYS[key][0] === 'Set' ? r.chance(0.85) : r.chance(0.1)) operator = r.of(['ForAllValues:', 'ForAnyValue:']) + operator
    if (r.chance(0.2)) operator += 'IfExists'
    if (r.chance(0.08)) [operator, values] = ['Null', [r.of(['true', 'false'])]]
    const name = r.chance(0.1) ? key.replace(/^[^/]*/, (s) => s.toUpperCase()) : key
    out[operator] ??= {}
    out[operator][name] = single(r, values)
  }
  return out
}

function actionPattern(r, x) {
  const action = r.chance(0.75) ? x.action : r.of(ACTION_NAMES)
  const [service, name] = action.split(':')
  return r.of([action, action, action, '*', service + ':*', service + ':' + name.slice(0, 3) + '*', action.toLowerCase(), service.toUpperCase() + ':' + name,
    service + ':*' + name.slice(-4), service + ':' + name.slice(0, -1) + '?', service + ':?' + name.slice(1),
    service + ':*a*e*', service + ':' + name + '*'])
}

function resourcePattern(r, x) {
  if (x.resource === '*') return r.of(['*', '*', '*', `arn:aws:ecr:us-east-1:${A}:repository/app`])
  const arn = r.chance(0.7) ? x.resource : ACTIONS[r.of(ACTION_NAMES.filter((a) => ACTIONS[a].resource(x) !== '*'))].resource({ ...x, name: r.of(NAMES) })
  const parts = arn.split(':')
  const last = parts.slice(5).join(':')
  const head = parts.slice(0, 5)
  const tail = r.of([last, last, '*', last.slice(0, 6) + '*', last.replace(/.$/u, '?'), last.replace(/team-[ab]/, '${aws:PrincipalTag/team}'),
    last.replace(/team-[ab]/, "${aws:PrincipalTag/team, 'team-b'}"), '*' + last.slice(-3), last.replace('/', '*'), last.replace('/', '/*'), last + '*', last + '?',
    last.replace(/team-./, '${aws:username}'), '*a*p*'])
  if (r.chance(0.2)) head[3] = r.of(['*', 'us-*', 'eu-west-?', ''])
  if (r.chance(0.2)) head[4] = r.of(['*', A, B, '1*'])
  if (r.chance(0.05)) head[1] = '*'
  if (r.chance(0.03)) return head.slice(0, 3 + r.below(3)).join(':') + (x.inResource || r.chance(0.5) ? ':*' : '')
  if (r.chance(0.1)) return '*'
  return [...head, tail].join(':')
}

function principals(r, x) {
  if (r.chance(0.2)) return '*'
  const aws = [x.principal ?? `arn:aws:iam::${A}:user/ops`, x.roleArn ?? `arn:aws:iam::${B}:role/deploy`, A, B, `arn:aws:iam::${A}:root`, `arn:aws:iam::${B}:root`,
    `arn:aws:iam::${A}:user/ops`, `arn:aws:sts::${A}:assumed-role/deploy/one`]
  if (r.chance(0.07)) return { AWS: '*' }
  const out = {}
  if (r.chance(0.85)) out.AWS = single(r, r.some(aws, 3))
  if (r.chance(0.2) || !out.AWS) out.Service = single(r, r.some(['ecs-tasks.amazonaws.com', 'ec2.amazonaws.com'], 2))
  return out
}

function statement(r, x, kind) {
  const s = { Effect: r.chance(0.72) ? 'Allow' : 'Deny' }
  if (kind === 'resource') {
    if (s.Effect === 'Deny' && r.chance(0.25)) {
      const p = principals(r, x)
      if (p !== '*' && p.AWS !== '*') s.NotPrincipal = p
    }
    if (!s.NotPrincipal) s.Principal = principals(r, x)
  }
  const inverted = r.chance(0.1)
  s[inverted ? 'NotAction' : 'Action'] = single(r, Array.from({ length: 1 + r.below(3) }, () => actionPattern(r, x)))
  if (kind !== 'resource' || (x.action !== 'sts:AssumeRole' && r.chance(0.5)))
    s[r.chance(0.1) ? 'NotResource' : 'Resource'] = single(r, Array.from({ length: 1 + r.below(2) }, () => resourcePattern(r, { ...x, inResource: kind === 'resource' })))
  if (r.chance(0.45)) s.Condition = condition(r, x)
  if (r.chance(0.1)) s.Sid = 'S' + r.below(1000000)
  return s
}

function document(r, x, kind) {
  const list = Array.from({ length: 1 + r.below(3) }, () => statement(r, x, kind))
  // Something to deny or to cap: without it most pairs end as an implicit deny.
  if (r.chance(0.4)) {
    const s = { Effect: 'Allow', Action: r.of(['*', x.action]), Resource: '*' }
    if (kind === 'resource') s.Principal = principals(r, x)
    if (kind === 'resource' && x.action === 'sts:AssumeRole') delete s.Resource
    list.push(s)
  }
  const sids = new Set()
  for (const s of list) {
    if (s.Sid && sids.has(s.Sid)) delete s.Sid
    sids.add(s.Sid)
  }
  const doc = { Version: r.chance(0.93) ? '2012-10-17' : '2008-10-17', Statement: single(r, list) }
  return doc
}

function caller(r) {
  const account = r.chance(0.8) ? A : B
  const kind = r.below(20)
  if (kind === 0) return { anonymous: true }
  if (kind === 1) return { service: 'ecs-tasks.amazonaws.com' }
  if (kind < 8) return { principal: `arn:aws:sts::${account}:assumed-role/deploy/${r.of(['one', 'two'])}`, roleArn: `arn:aws:iam::${account}:role/deploy`, principalAccount: account }
  if (kind === 8) return { principal: `arn:aws:sts::${account}:federated-user/ops`, roleArn: `arn:aws:iam::${account}:user/ops`, principalAccount: account }
  return { principal: `arn:aws:iam::${account}:user/${r.of(['team-a', 'ops'])}`, principalAccount: account }
}

function context(r, action) {
  const out = {}
  const keys = [...GLOBAL_KEYS, ...(ACTIONS[action].keys ?? [])]
  for (const key of keys) {
    if (!r.chance(0.45)) continue
    const [kind, values] = KEYS[key]
    out[key] = kind === 'Set' ? r.some(values, 3) : r.of(values)
  }
  return out
}

export function generate(seed, index) {
  const r = random(seed, index)
  const action = r.of(ACTION_NAMES)
  const who = caller(r)
  const owner = r.chance(0.8) ? A : B
  const x = { action, ...who, owner, region: r.of(REGIONS), name: r.of(NAMES), context: context(r, action) }
  x.resource = ACTIONS[action].resource(x)
  const known = who.principal !== undefined
  const c = {
    action, resource: x.resource, resourceAccount: x.resource === '*' && known ? who.principalAccount : owner, ...who, context: x.context,
    identity: known ? Array.from({ length: r.below(3) + (r.chance(0.8) ? 1 : 0) }, () => document(r, x, 'identity')) : [],
  }
  if (known && r.chance(0.2)) c.boundary = document(r, x, 'identity')
  if (known && who.roleArn && r.chance(0.3)) c.session = document(r, x, 'identity')
  if (!known || r.chance(action === 'sts:AssumeRole' ? 0.8 : 0.4)) c.resourcePolicy = document(r, x, 'resource')
  c.trust = action.startsWith('sts:') && c.resourcePolicy !== undefined
  return c
}
