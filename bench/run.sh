#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Measures slipway beside docker-registry, nginx and docker, and writes bench/results/. See bench/README.md.
#   bench/run.sh [PROGRAM]     PROGRAM: build/release/slipway
#   BENCH_QUICK=1              fewer sizes and shorter runs: under 3 minutes
#   BENCH_RUNS=3               runs of each measurement; medians are reported
#   BENCH_ONLY="pull push"     some of: pull push start tasks
#   BENCH_TMP=/var/tmp         where the servers keep their data; the disk that is measured
# Everything runs on loopback, in a folder of its own, and ends with the script.
set -euo pipefail
here=$(cd "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")" && pwd)
program=$(readlink -f "${1:-$here/../build/release/slipway}")
runs=${BENCH_RUNS:-3} quick=${BENCH_QUICK:-} only=${BENCH_ONLY:-pull push start tasks}
PATH=$PATH:/usr/sbin:/sbin
work='' raw='' registry='' nginx='' slipway='' token='' started=$SECONDS

step() { printf '\n==> %s  (%ds)\n' "$*" "$((SECONDS - started))"; }
die() { printf 'bench: %s\n' "$*" >&2 && exit 1; }
wants() { [[ " $only " == *" $1 "* ]]; }

# Ends one process that this script started, and waits for it.
stop() {
    [ -n "$1" ] && kill -"${2:-TERM}" "$1" 2>/dev/null || return 0
    local i
    for ((i = 0; i < 100; i++)); do
        kill -0 "$1" 2>/dev/null || break
        sleep 0.1
    done
    kill -KILL "$1" 2>/dev/null || true
    wait "$1" 2>/dev/null || true
}

clean() {
    stop "$slipway"
    stop "$registry"
    stop "$nginx"
    [ -z "$work" ] || rm -rf "$work"
}

in_use() { (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }

free_port() {
    local port i
    for ((i = 0; i < 100; i++)); do
        port=$((10000 + RANDOM % 20000))
        in_use "$port" || { echo "$port"; return; }
    done
    die "no free port"
}

wait_port() {
    local i
    for ((i = 0; i < 200; i++)); do
        ! in_use "$1" || return 0
        kill -0 "$2" 2>/dev/null || break
        sleep 0.05
    done
    die "$3 does not listen on port $1; its output is $(tail -n 3 "$work/$3.log" 2>/dev/null)"
}

# ---- servers; each on its own port, over the folder that is given ----

start_registry() {
    mkdir -p "$1"
    cat >"$work/registry.yml" <<YML
version: 0.1
log: {level: error, accesslog: {disabled: true}}
storage:
  cache: {blobdescriptor: inmemory}
  filesystem: {rootdirectory: $1}
  delete: {enabled: true}
http: {addr: 127.0.0.1:$registry_port}
YML
    docker-registry serve "$work/registry.yml" >"$work/registry.log" 2>&1 &
    registry=$!
    wait_port "$registry_port" "$registry" registry
}

start_nginx() {
    mkdir -p "$work/www" "$work/nginx"
    cat >"$work/nginx.conf" <<CONF
worker_processes auto; daemon off; pid $work/nginx/pid; error_log $work/nginx.log;
events { worker_connections 4096; }
http {
    access_log off; sendfile on; tcp_nopush on; tcp_nodelay on;
    keepalive_requests 1000000000; keepalive_timeout 300; open_file_cache max=4096 inactive=300s; open_file_cache_valid 300s;
    client_body_temp_path $work/nginx; proxy_temp_path $work/nginx; fastcgi_temp_path $work/nginx;
    uwsgi_temp_path $work/nginx; scgi_temp_path $work/nginx; default_type application/octet-stream;
    server {
        listen 127.0.0.1:$nginx_port backlog=4096; root $work/www;
        location = /v2/ { default_type application/json; return 200 '{}'; }
        location ~ /manifests/ { default_type application/vnd.oci.image.manifest.v1+json; }
    }
}
CONF
    chmod 755 "$work" "$work/www"
    nginx -c "$work/nginx.conf" >"$work/nginx.log" 2>&1 &
    nginx=$!
    wait_port "$nginx_port" "$nginx" nginx
}

start_slipway() {
    "$program" serve --data "$1" --listen "127.0.0.1:$slipway_port" >"$work/slipway.log" 2>&1 &
    slipway=$!
    wait_port "$slipway_port" "$slipway" slipway
    local to=(--endpoint "http://127.0.0.1:$slipway_port" --data "$1")
    "$program" repo create bench/app "${to[@]}" >/dev/null 2>&1 || true
    token=$("$program" get-login-password "${to[@]}")
}

# ---- one measurement ----

# load_at SERVER ARGS...: the load generator against it.
load_at() {
    local server=$1
    shift
    case $server in
    slipway) "$work/load" -l slipway -u "AWS:$token" -p "$slipway" "${options[@]}" "http://127.0.0.1:$slipway_port" "$@" ;;
    registry) "$work/load" -l registry -p "$registry" "${options[@]}" "http://127.0.0.1:$registry_port" "$@" ;;
    nginx) "$work/load" -l nginx -p "$(pgrep -P "$nginx" | paste -sd,)" "${options[@]}" "http://127.0.0.1:$nginx_port" "$@" ;;
    esac
}

# measure "SERVERS" WORKLOAD [SIZE], with the generator's options in `options`: one after the other, their lines go to the raw file.
measure() {
    local servers=$1 server
    shift
    for server in $servers; do
        load_at "$server" "$@" >>"$raw" || printf 'bench: %s: %s had errors\n' "$server" "$*" >&2
        printf '.'
    done
}

# What a process holds in memory, MiB; several are added up.
resident() { cat "${@/%//status}" 2>/dev/null | awk '/^VmRSS:/ { sum += $2 } END { printf "%.1f", sum / 1024 }'; }
note_memory() { printf '{"label":"%s","workload":"memory","when":"%s","mib":%s}\n' "$1" "$2" "$(resident "${@:3}")" >>"$raw"; }

fill() {
    local size
    options=()
    for size in 1K 64K 1M; do load_at "$1" fill "$size" >/dev/null; done
    options=(-k 2)
    load_at "$1" fill 100M >/dev/null
}

pull() {
    local run c size all='slipway registry nginx'
    step "Pull: the same blobs and manifest in all three"
    start_registry "$work/pull/registry"
    start_slipway "$work/pull/slipway"
    start_nginx
    sleep 1
    note_memory slipway idle "/proc/$slipway"
    note_memory registry idle "/proc/$registry"
    note_memory nginx idle "/proc/$nginx" $(pgrep -P "$nginx" | sed 's|^|/proc/|')
    for size in 1K 64K 1M; do "$work/load" write "$work/www" "$size"; done
    "$work/load" -k 2 write "$work/www" 100M
    chmod -R a+rX "$work/www"
    fill slipway
    fill registry
    for size in slipway registry nginx; do # no timing: is every byte right?
        options=(-V -c 4 -n 64)
        load_at "$size" pull 64K >/dev/null
    done
    for ((run = 0; run < runs; run++)); do
        for c in $small_conc; do
            options=(-c "$c" -t "$seconds")
            measure "$all" ping
            measure "$all" manifest
            measure 'slipway registry' head 1K
            for size in 1K 64K 1M; do measure "$all" pull "$size"; done
        done
        for c in $large_conc; do
            options=(-k 2 -c "$c" -t 30 -n "$(large_ops "$c")")
            measure "$all" pull 100M
        done
    done
    sleep 5
    note_memory slipway after "/proc/$slipway"
    note_memory registry after "/proc/$registry"
    note_memory nginx after "/proc/$nginx" $(pgrep -P "$nginx" | sed 's|^|/proc/|')
    stop_all
}

stop_all() {
    stop "$slipway"
    stop "$registry"
    stop "$nginx"
    slipway='' registry='' nginx=''
}

large_ops() { if [ "$1" = 1 ]; then echo 8; else echo $(($1 * 2)); fi; }

# Servers over empty folders in each run, so that none meets the other's or an earlier run's blobs.
push() {
    local run c both='slipway registry'
    step "Push: unique blobs, durable before the answer"
    for ((run = 0; run < runs; run++)); do
        start_registry "$work/push/registry"
        start_slipway "$work/push/slipway"
        [ $((run % 2)) = 0 ] || both='registry slipway'
        options=()
        fill slipway
        fill registry
        for c in $small_conc; do
            sync "$work"
            options=(-c "$c" -t "$seconds")
            measure "$both" manifest-put
            measure "$both" push 1M
        done
        for c in $push_conc; do
            sync "$work"
            options=(-c "$c" -t 60 -n "$((c < 4 ? 4 : c))")
            measure "$both" push 100M
        done
        stop_all
        rm -rf "$work/push"
    done
}

start() {
    local run common
    step "Start until the first 200 on /v2/"
    start_slipway "$work/start/slipway"
    start_registry "$work/start/registry"
    stop_all
    common=$(printf 'AWS:%s' "$token" | base64 -w 0)
    for ((run = 0; run < runs; run++)); do
        "$work/launch" ready 10 "$slipway_port" "Basic $common" "$program" serve --data "$work/start/slipway" \
            --listen "127.0.0.1:$slipway_port" | sed 's/^{/{"label":"slipway","workload":"start",/' >>"$raw"
        "$work/launch" ready 10 "$registry_port" '' docker-registry serve "$work/registry.yml" |
            sed 's/^{/{"label":"registry","workload":"start",/' >>"$raw"
        printf '.'
    done
}

# In a network namespace of its own: bridges and firewall rules of docker and slipway vanish with it.
tasks() {
    step "Tasks: from the command to the container's first output"
    if [ "$(id -u)" != 0 ]; then
        echo "not root: no containers, left out"
        return
    fi
    unshare --net "$here/tasks.sh" "$work" "$program" "$runs" "${quick:+3}" >>"$raw" ||
        printf 'bench: the task measurements are incomplete\n' >&2
}

for tool in cc jq docker-registry nginx curl pgrep; do
    command -v "$tool" >/dev/null || die "$tool is missing; ./dev bench installs what is needed"
done
[ -x "$program" ] || die "$program is not there; ./dev build makes it"
small_conc='1 8 64' large_conc='1 8 64' push_conc='1 8 64' seconds=1
if [ -n "$quick" ]; then
    small_conc='1 64' large_conc='1 64' push_conc='1 8' seconds=0.3
fi
trap clean EXIT
trap 'exit 130' INT TERM
work=$(mktemp -d "${BENCH_TMP:-/var/tmp}/slipway-bench.XXXXXX")
mkdir -p "$here/results"
raw=$work/raw.jsonl
: >"$raw"
for tool in load launch; do
    cc -std=gnu17 -O2 -Wall -D_GNU_SOURCE "$here/$tool.c" -o "$work/$tool" -lcrypto
done
slipway_port=$(free_port) registry_port=$(free_port) nginx_port=$(free_port)
options=()
for part in pull push start tasks; do
    ! wants "$part" || "$part"
done
step "Results: bench/results/latest.md, bench/results/latest.jsonl"
cp "$raw" "$here/results/latest.jsonl"
{
    printf '# Results\n\n%s, %s, %s CPUs, %s GiB, Linux %s, data on %s; medians of %s runs%s. bench/README.md explains the columns.\n\n' \
        "$(date -u +%F)" "$("$program" --version)" "$(nproc)" "$(awk '/^MemTotal/ { print int($2 / 1048576 + 0.5) }' /proc/meminfo)" \
        "$(uname -r | cut -d. -f1,2)" "$(stat -f -c %T "$here/results" | sed 's|ext2/ext3|ext4|')" "$runs" "${quick:+ (quick)}"
    jq -rs -f "$here/table.jq" "$raw"
} >"$here/results/latest.md"
cat "$here/results/latest.md"
