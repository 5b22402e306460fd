// SPDX-License-Identifier: Apache-2.0
// Differential test of the policy engine: generated (policies, request) pairs are decided by our driver and by an independent
// evaluator, and compared. Every difference must fall under a rule of KNOWN, each of which docs/internals/policy.md justifies.
//   node compare.mjs EVALUATOR_FOLDER DRIVER PAIRS SEED
import { spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import { pathToFileURL } from 'node:url'
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads'
import { generate } from './generate.mjs'

const NAMES = { Allowed: 'allowed', ExplicitlyDenied: 'explicitDeny', ImplicitlyDenied: 'implicitDeny' }

async function askEvaluator(evaluator, c) {
  const answer = await evaluator.runSimulation({
    request: {
      principal: c.anonymous ? evaluator.anonymousPrincipal : c.service ?? c.federated ?? c.principal,
      action: c.action,
      resource: { resource: c.resource, accountId: c.resourceAccount },
      contextVariables: c.context,
    },
    identityPolicies: c.identity.map((policy, i) => ({ name: 'p' + i, policy })),
    permissionBoundaryPolicies: c.boundary ? [{ name: 'boundary', policy: c.boundary }] : undefined,
    sessionPolicy: c.session ?? undefined,
    resourcePolicy: c.resourcePolicy ?? undefined,
    serviceControlPolicies: [],
    resourceControlPolicies: [],
  }, {})
  if (answer.resultType === 'error') return 'error: ' + JSON.stringify(answer.errors)
  if (answer.resultType === 'single' && answer.result.ignoredContextKeys?.length)
    return 'error: ignored ' + answer.result.ignoredContextKeys
  return NAMES[answer.overallResult]
}

// A decider in the manner of the driver: lines in, lines out, in order.
function driver(path) {
  const child = spawn(path, ['--decide'], { stdio: ['pipe', 'pipe', 'inherit'] })
  const waiting = []
  createInterface({ input: child.stdout }).on('line', (line) => waiting.shift()(line))
  child.on('exit', (code) => { if (code) process.exit(3) })
  return {
    ask: (c) => new Promise((done) => { waiting.push(done); child.stdin.write(JSON.stringify(c) + '\n') }),
    end: () => child.stdin.end(),
  }
}

const list = (v) => (v === undefined ? [] : [].concat(v))
const statements = (doc) => list(doc?.Statement)
const documents = (c) => [...c.identity, c.boundary, c.session, c.resourcePolicy].filter((d) => d)
const all = (c) => documents(c).flatMap(statements)

// The differences that are known. Each entry writes our reading of a disputed construct into the case, in words that both evaluators
// read alike. A difference counts as known only when the evaluator, asked with the rewritten case, then answers what we answered.
// True: something was rewritten.
const glob = (pattern) =>
  new RegExp('^' + pattern.replace(/[.+^${}()|[\]\\]/g, '\\$&').replace(/\*/g, '.*').replace(/\?/g, '.') + '$', 'su')
const lacking = (c, text) => [...text.matchAll(/\$\{([^}]+)\}/g)].some(([, name]) => !['*', '?', '$'].includes(name) && !name.includes(',') &&
  typeof Object.entries(c.context).find(([k]) => k.toLowerCase() === name.toLowerCase())?.[1] !== 'string')

const KNOWN = {
  // Version 2008-10-17 has no variables: ${...} is text.
  'version-2008': (c) => {
    let changed = false
    for (const d of documents(c).filter((d) => d.Version === '2008-10-17')) {
      const text = JSON.stringify(d.Statement)
      changed ||= text.includes('${')
      d.Statement = JSON.parse(text.replaceAll('${', '${$}{'))
      d.Version = '2012-10-17'
    }
    return changed
  },
  // A variable without a value equals nothing, so a negated operator holds.
  'negated-unresolved': (c) => {
    let changed = false
    for (const s of all(c))
      for (const [operator, keys] of Object.entries(s.Condition ?? {}))
        if (/(String|Arn)Not/.test(operator))
          for (const key of Object.keys(keys))
            keys[key] = list(keys[key]).map((v) => {
              changed ||= lacking(c, v)
              return lacking(c, v) ? (operator.includes('Arn') ? 'arn:aws:never::never:never' : '<never>') : v
            })
    return changed
  },
  // A resource that no value of the missing variable could make match is another resource, for NotResource too.
  'unresolved-elsewhere': (c) => {
    let changed = false
    for (const s of all(c).filter((s) => s.NotResource))
      s.NotResource = list(s.NotResource).map((arn) => {
        const open = arn.replace(/\$\{[^}*?$]+\}/g, '*')
        const elsewhere = lacking(c, arn) && !glob(open.split(':').slice(5).join(':')).test(c.resource.split(':').slice(5).join(':'))
        changed ||= elsewhere
        return elsewhere ? 'arn:aws:never::never:never/never' : arn
      })
    return changed
  },
  // `*` and `?` of the resource part may stand for anything in it, its first '/' or ':' included.
  'resource-type-wildcard': (c) => {
    let changed = false
    const given = c.resource.split(':').slice(5).join(':')
    const rewrite = (arn) => {
      const parts = arn.split(':')
      const last = parts.slice(5).join(':')
      const plain = last.replaceAll('${$}', '$')
      if (!/^[^/:]*[*?]/.test(plain) || plain === '*' || /\$\{(?!\$\})/.test(last) || c.resource === '*') return arn
      changed = true
      return [...parts.slice(0, 5), glob(plain).test(given) ? given : 'never/never'].join(':')
    }
    for (const s of all(c))
      for (const element of ['Resource', 'NotResource'])
        if (s[element]) s[element] = list(s[element]).map(rewrite)
    return changed
  },
  // An address alone is a block of one address, of either family.
  'lone-address': (c) => {
    let changed = false
    for (const s of all(c))
      for (const [operator, keys] of Object.entries(s.Condition ?? {}))
        if (operator.includes('IpAddress'))
          for (const key of Object.keys(keys))
            keys[key] = list(keys[key]).map((v) => {
              changed ||= !v.includes('/')
              return v.includes('/') ? v : v + (v.includes(':') ? '/128' : '/32')
            })
    return changed
  },
  // ${*} ${?} ${$} are characters also where nothing is a wildcard.
  'escape-in-equals': (c) => {
    let changed = false
    for (const s of all(c))
      for (const [operator, keys] of Object.entries(s.Condition ?? {}))
        if (/String(Not)?Equals/.test(operator))
          for (const key of Object.keys(keys))
            keys[key] = list(keys[key]).map((v) => {
              const plain = v.replace(/\$\{([*?$])\}/g, '$1')
              changed ||= plain !== v
              return plain
            })
    return changed
  },
  // The colon within ${...} parts no ARN: an account that is a variable is compared with the account.
  'arn-with-variable': (c) => {
    let changed = false
    for (const s of all(c))
      for (const [operator, keys] of Object.entries(s.Condition ?? {}))
        if (operator.includes('Arn'))
          for (const key of Object.keys(keys))
            keys[key] = list(keys[key]).map((v) => {
              const plain = v.replace('${aws:PrincipalAccount}', c.context['aws:PrincipalAccount'] ?? 'never')
              changed ||= plain !== v
              return plain
            })
    return changed
  },
  // 0.0.0.0/0 is every IPv4 address.
  'every-address': (c) => {
    let changed = false
    for (const s of all(c))
      for (const [operator, keys] of Object.entries(s.Condition ?? {}))
        if (operator.includes('IpAddress'))
          for (const key of Object.keys(keys))
            keys[key] = list(keys[key]).flatMap((v) => {
              changed ||= v === '0.0.0.0/0'
              return v === '0.0.0.0/0' ? ['0.0.0.0/1', '128.0.0.0/1'] : v
            })
    return changed
  },
  // A short ARN is completed with `*`, in NotResource too; in a resource policy only if it holds a wildcard, else it matches nothing.
  'short-arn': (c) => {
    let changed = false
    const rewrite = (s) => (arn) => {
      const parts = arn.split(':')
      if (parts.length >= 6 || arn === '*') return arn
      changed = true
      if (statements(c.resourcePolicy).includes(s) && !arn.includes('*')) return 'arn:aws:never::never:never/never'
      while (parts.length < 6) parts.push('*')
      return parts.join(':')
    }
    for (const s of all(c))
      for (const element of ['Resource', 'NotResource'])
        if (s[element]) s[element] = list(s[element]).map(rewrite(s))
    return changed
  },
  // NotPrincipal with an account excepts its root user, not everyone in it.
  'not-principal-account': (c) => {
    let changed = false
    for (const s of statements(c.resourcePolicy))
      if (s.NotPrincipal?.AWS)
        s.NotPrincipal.AWS = list(s.NotPrincipal.AWS).map((p) => {
          const account = /^\d{12}$|:root$/.test(p)
          changed ||= account
          return account ? '333333333333' : p
        })
    return changed
  },
}

// What a resource policy grants to the caller itself is not capped by a session policy: when we allow also without any identity policy,
// the session policy's silence must not matter. (Its denies still do.)
async function sessionIsPassedBy(c, ask) {
  if (!c.session || c.principalAccount !== c.resourceAccount) return false
  if (await ask({ ...c, identity: [] }) !== 'allowed') return false
  c.session.Statement = [...statements(c.session), { Effect: 'Allow', Action: '*', Resource: '*' }]
  return true
}

async function explain(c, answer, ours, evaluator) {
  const names = [...Object.keys(KNOWN), 'session-direct']
  const pairs = names.flatMap((a, i) => names.slice(i + 1).map((b) => [a, b]))
  for (const tried of [...names.map((n) => [n]), ...pairs, names]) {
    const copy = structuredClone(c)
    const used = tried.filter((n) => KNOWN[n]?.(copy))
    if (tried.includes('session-direct') && await sessionIsPassedBy(copy, ours.ask)) used.push('session-direct')
    if (used.length && await askEvaluator(evaluator, copy) === answer) return used.join('+')
  }
  return null
}

async function work({ folder, path, from, to, seed }) {
  const evaluator = await import(pathToFileURL(
    folder + '/node_modules/@cloud-copilot/iam-simulate/dist/esm/index.js').href)
  const ours = driver(path)
  const stats = { pairs: 0, decisions: {}, known: {}, unknown: [] }
  for (let i = from; i < to; i++) {
    const c = generate(seed, i)
    const [a, b] = await Promise.all([ours.ask(c), askEvaluator(evaluator, c)])
    stats.pairs++
    stats.decisions[b] = (stats.decisions[b] ?? 0) + 1
    if (a === b) continue
    const rule = await explain(c, a, ours, evaluator)
    if (rule) stats.known[rule] = (stats.known[rule] ?? 0) + 1
    else stats.unknown.push({ index: i, ours: a, theirs: b, case: c })
    if (stats.unknown.length >= 200) break
  }
  ours.end()
  return stats
}

async function main([folder, path, pairs, seed]) {
  const total = Number(pairs), threads = 2
  const parts = await Promise.all(Array.from({ length: threads }, (_, t) => new Promise((done, failed) => {
    const w = new Worker(new URL(import.meta.url), { workerData: {
      folder, path, seed: Number(seed), from: Math.floor(total * t / threads), to: Math.floor(total * (t + 1) / threads) } })
    w.on('message', done)
    w.on('error', failed)
  })))
  const sum = { pairs: 0, decisions: {}, known: {}, unknown: 0 }
  for (const p of parts) {
    sum.pairs += p.pairs
    sum.unknown += p.unknown.length
    for (const kind of ['decisions', 'known'])
      for (const [k, n] of Object.entries(p[kind])) sum[kind][k] = (sum[kind][k] ?? 0) + n
    for (const u of p.unknown.slice(0, 20)) console.log(JSON.stringify(u))
  }
  console.log(JSON.stringify(sum))
  process.exit(sum.unknown || sum.pairs < total ? 1 : 0)
}

if (isMainThread) await main(process.argv.slice(2))
else parentPort.postMessage(await work(workerData))
