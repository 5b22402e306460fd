// SPDX-License-Identifier: Apache-2.0
// ExecuteCommand through ssm-session, somebody else's client of Session Manager's data channel: it pads types at the left, writes half a
// digest in hexadecimal, sends nothing twice, acknowledges everything, acknowledgements too, and knows no handshake. IMAGE is a busybox.
import { createHash } from 'node:crypto'
import { assert, ecs, name, require, settings } from '../sdk.mjs'

const { ssm } = require('ssm-session')
const WebSocket = require('ws')
const c = new ecs.ECS(settings())

class Session {
    static async open(command, handshake) {
        const { session } = await c.executeCommand({ task, command, interactive: true })
        const s = new Session()
        s.socket = new WebSocket(session.streamUrl)
        Object.assign(s, { handshake, text: '', sequence: 0, types: [], acknowledged: new Set(), heard: () => {} })
        s.socket.binaryType = 'arraybuffer'
        s.ended = new Promise(resolve => s.socket.on('close', code => resolve(code)))
        s.socket.on('message', data => s.take(ssm.decode(data)))
        await new Promise((resolve, reject) => s.socket.on('open', resolve).on('error', reject))
        ssm.init(s.socket, { token: session.tokenValue, termOptions: { rows: 34, cols: 197 } })
        return s
    }

    take(m) {
        ssm.sendACK(this.socket, m)
        const text = Buffer.from(m.payload).toString()
        this.types.push(m.messageType)
        if (m.messageType === 'acknowledge')
            this.acknowledged.add(JSON.parse(text).AcknowledgedMessageSequenceNumber)
        else if (m.messageType === 'output_stream_data' && m.payloadType === 1)
            this.text += text
        else if (m.payloadType === 5 && this.handshake)
            this.answer(JSON.parse(text))
        this.heard()
    }

    answer(asked) {
        const done = asked.RequestedClientActions.map(a => ({ ActionType: a.ActionType, ActionStatus: 1, ActionResult: null, Error: '' }))
        const answer = JSON.stringify({ ClientVersion: '1.2.0.0', ProcessedClientActions: done, Errors: [] })
        const message = ssm.buildInputMessage(answer, ++this.sequence)
        message[115] = 6
        this.socket.send(message)
    }

    type(text) {
        ssm.sendText(this.socket, Buffer.from(text), ++this.sequence)
    }

    async until(text) {
        const late = setTimeout(() => { throw new Error(`no ${text} in ${this.text.slice(-500)}`) }, 300000)
        while (!this.text.includes(text))
            await new Promise(resolve => { this.heard = resolve })
        clearTimeout(late)
    }
}

await c.registerTaskDefinition({
    family: name, containerDefinitions: [{ name: 'main', image: process.env.IMAGE, memory: 64, stopTimeout: 2, command: ['sh', '-c', 'exec sleep 1000'] }]
})
const task = (await c.runTask({ taskDefinition: name, enableExecuteCommand: true })).tasks[0].taskArn
assert.equal((await ecs.waitUntilTasksRunning({ client: c, minDelay: 1, maxDelay: 1, maxWaitTime: 90 }, { tasks: [task] })).state, 'SUCCESS')

// A shell, as the example of that package has it, and with the handshake that AWS asks for.
for (const handshake of [false, true]) {
    const s = await Session.open('sh', handshake)
    await s.until('# ')
    s.type('stty size; echo $((40+2))\r')
    await s.until('34 197\r\n42\r\n')
    const size = ssm.buildInputMessage(JSON.stringify({ cols: 80, rows: 25 }), ++s.sequence)
    size[115] = 3
    s.socket.send(size)
    s.type('stty size\r')
    await s.until('25 80\r\n')
    s.type('exit\r')
    assert.equal(await s.ended, 1000)
    assert.ok(s.types.includes('channel_closed'))
    for (let i = 0; i < s.sequence; i++)
        assert.ok(s.acknowledged.has(i), `${i} was not acknowledged`)
}

// Much, both ways, by one that waits for nothing: pasted while the process sleeps, and more than waits anywhere.
const line = 'x'.repeat(63) + '\n'
const paste = await Session.open("sh -c 'stty raw -echo; echo ready; sleep 2; head -c 6000000 | sha256sum; echo over'", true)
await paste.until('ready')
const digest = createHash('sha256')
for (let left = 6000000; left > 0; left -= 50000) {
    const piece = line.repeat(800).slice(0, Math.min(50000, left))
    digest.update(piece)
    paste.type(piece)
}
await paste.until('over')
assert.ok(paste.text.includes(digest.digest('hex')), paste.text)
const printed = await Session.open('seq 1 200000', true)
await printed.ended
assert.equal(printed.text.split('\r\n').length, 200001)

// Many at a time.
const many = await Promise.all(Array.from({ length: 12 }, () => Session.open('cat', true)))
many.forEach((s, i) => s.type(`number ${i}\r`))
await Promise.all(many.map((s, i) => s.until(`number ${i}\r\nnumber ${i}\r\n`)))
many.forEach(s => s.socket.close())
await Promise.all(many.map(s => s.ended))
await c.stopTask({ task })
