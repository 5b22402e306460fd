#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Part of bench/run.sh, which runs it in a network namespace of its own: tasks.sh WORK PROGRAM RUNS [COUNT]
# The same busybox as an image in slipway and in a docker daemon of our own, which speaks on a socket in WORK only. Prints JSON lines.
set -euo pipefail
work=$1 program=$2 runs=$3 count=${4:-10}
endpoint=http://127.0.0.1:5000 docker='' slipway=''

clean() {
    local pid
    for pid in $slipway $docker; do
        kill -INT "$pid" 2>/dev/null && wait "$pid" || true
    done
    umount -q "$work/docker.run/netns/default" || true # docker leaves it
}
trap clean EXIT
trap 'exit 130' INT TERM

make_root() {
    local name
    mkdir -p "$work/root/bin" "$work/root/etc" "$work/root/tmp"
    cp "$(command -v busybox)" "$work/root/bin/busybox"
    for name in sh echo; do ln -sf busybox "$work/root/bin/$name"; done
    printf 'root:x:0:0:root:/:/bin/sh\n' >"$work/root/etc/passwd"
}

start_docker() {
    local i
    dockerd --data-root "$work/docker" --exec-root "$work/docker.run" --pidfile "$work/docker.pid" \
        -H "unix://$work/docker.sock" >"$work/docker.log" 2>&1 &
    docker=$!
    for ((i = 0; i < 150; i++)); do
        docker -H "unix://$work/docker.sock" version >/dev/null 2>&1 && break
        sleep 0.1
    done
    tar -C "$work/root" -c . | docker -H "unix://$work/docker.sock" import - bench/task:v1 >/dev/null
}

# NETWORK PORTS: a task definition that says one word.
definition() {
    printf '{"family":"bench-%s","networkMode":"%s","containerDefinitions":[{"name":"c","image":"127.0.0.1:5000/bench/task:v1",' "$1" "$1"
    printf '"command":["/bin/echo","hi"],"cpu":16,"memory":16,"essential":true,"portMappings":[%s]}]}\n' "$2"
}

start_slipway() {
    local i
    "$program" up --data "$work/tasks" --listen 127.0.0.1:5000 --bridge_name swbench0 >"$work/up.log" 2>&1 &
    slipway=$!
    definition host '' >"$work/host.json"
    definition bridge '{"containerPort":80,"hostPort":0}' >"$work/bridge.json"
    for ((i = 0; i < 100; i++)); do
        grep -q instance-registered "$work/up.log" && break
        sleep 0.1
    done
    "$program" push "$work/root" 127.0.0.1:5000/bench/task:v1 --create --data "$work/tasks" >/dev/null 2>&1
}

# The floor: runc alone, on the same root folder, with the host's network.
make_bundle() {
    mkdir -p "$work/bundle"
    (cd "$work/bundle" && runc spec)
    jq --arg root "$work/root" '.process.terminal = false | .process.args = ["/bin/echo", "hi"] | .root.path = $root
        | .linux.namespaces |= map(select(.type != "network"))' "$work/bundle/config.json" >"$work/bundle/new.json"
    mv "$work/bundle/new.json" "$work/bundle/config.json"
}

# LABEL NETWORK COMMAND...: medians of `count` runs, one after the other.
measure() {
    local label=$1 network=$2
    shift 2
    "$work/launch" first "$count" "$@" | sed "s/^{/{\"label\":\"$label\",\"workload\":\"task\",\"network\":\"$network\",/"
    printf '.' >&2
}

call_ecs() {
    curl -sS --aws-sigv4 aws:amz:us-east-1:ecs --user "$key:$secret" -H 'Content-Type: application/x-amz-json-1.1' \
        -H "X-Amz-Target: AmazonEC2ContainerServiceV20141113.$1" -d "$2" "$endpoint/"
}

# NETWORK: from RunTask accepted (the task's createdAt) to the time that the container's monitor put before its first line.
measure_accepted() {
    local i id created said
    for ((i = 0; i < count; i++)); do
        id=$(call_ecs RunTask "{\"taskDefinition\":\"bench-$1\"}" | jq -r '.tasks[0].taskArn')
        for ((n = 0; n < 100; n++)); do
            sleep 0.1
            read -r created said < <(call_ecs DescribeTasks "{\"tasks\":[\"$id\"]}" |
                jq -r '.tasks[0] | "\(.createdAt) \(.lastStatus)"')
            [ "$said" = STOPPED ] && break
        done
        said=$("$program" logs "${id##*/}" --timestamps --data "$work/tasks" | cut -d' ' -f1)
        awk -v a="$created" -v b="$(date -d "$said" +%s.%N)" 'BEGIN { printf "%.1f\n", (b - a) * 1000 }'
    done | sort -n | awk -v n="$1" '{ v[NR] = $1 } END {
        printf "{\"label\":\"slipway\",\"workload\":\"task-accepted\",\"network\":\"%s\",\"runs\":%d,\"ms\":%s}\n", n, NR, v[int((NR + 1) / 2)] }'
    printf '.' >&2
}

ip link set lo up
make_root
start_docker
start_slipway
make_bundle
key=$(sed -n 's/^aws_access_key_id *= *//p' "$work/tasks/credentials" | head -n 1)
secret=$(sed -n 's/^aws_secret_access_key *= *//p' "$work/tasks/credentials" | head -n 1)
in_docker=(docker -H "unix://$work/docker.sock" run --rm)
for network in host bridge; do # the first launch pulls, unpacks and makes bridges
    "${in_docker[@]}" --network "$network" bench/task:v1 /bin/echo hi >/dev/null
    "$program" run "$work/$network.json" --data "$work/tasks" >/dev/null
done
for ((run = 0; run < runs; run++)); do
    measure runc host sh -c "exec runc --root '$work/runc' run -b '$work/bundle' bench-\$\$"
    measure slipway host "$program" run "$work/host.json" --data "$work/tasks"
    measure docker host "${in_docker[@]}" --network host bench/task:v1 /bin/echo hi
    measure slipway bridge "$program" run "$work/bridge.json" --data "$work/tasks"
    measure docker bridge "${in_docker[@]}" -p 127.0.0.1::80 bench/task:v1 /bin/echo hi
    measure_accepted host
    measure_accepted bridge
done
