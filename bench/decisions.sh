#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# What a policy decision adds to a manifest GET: the server's processor time per request, as the administrator (one statement) and as
# users with 10, 100 and 1,000 statements. bench/policy.c measures the decision alone.
#   bench/decisions.sh [PROGRAM]   PROGRAM: build/release/slipway
#   BENCH_RUNS=5                   runs; the users take turns in each, medians are reported
# `spread`: each statement is about an action of its own. `wide`: every one is about the action that is asked for, on another team's
# repositories; only the last one allows. Everything runs on loopback, in a folder of its own, and ends with the script.
set -euo pipefail
here=$(cd "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")" && pwd)
program=$(readlink -f "${1:-$here/../build/release/slipway}")
runs=${BENCH_RUNS:-5} requests=${BENCH_REQUESTS:-100000}
work='' server=''

die() { printf 'bench: %s\n' "$*" >&2 && exit 1; }

clean() {
    [ -z "$server" ] || { kill "$server" && wait "$server"; } 2>/dev/null || true
    [ -z "$work" ] || rm -rf "$work"
}

# statements SHAPE FROM N LAST: that many, with the one that allows at the end if LAST is 1.
statements() {
    awk -v shape="$1" -v from="$2" -v n="$3" -v last="$4" 'BEGIN {
        printf "{\"Version\":\"2012-10-17\",\"Statement\":["
        for (i = 0; i < n; i++) {
            allows = last && i == n - 1
            printf "%s{\"Effect\":\"Allow\",\"Action\":[%s],\"Resource\":\"arn:aws:ecr:*:*:repository/%s/*\"}", i ? "," : "",
                allows ? "\"ecr:BatchGetImage\",\"ecr:GetDownloadUrlForLayer\"" : \
                    shape == "wide" ? "\"ecr:BatchGetImage\"" : "\"ecr:Get" (from + i) "X\"",
                allows ? "bench" : "team-" (from + i)
        }
        printf "]}"
    }'
}

# A policy file: a user with N statements in managed policies of 50.
user() {
    local shape=$1 n=$2 name=$1-$2 from size policies='' attached=''
    for ((from = 0; from < n; from += 50)); do
        size=$((n - from < 50 ? n - from : 50))
        policies+=",{\"PolicyName\":\"$name-$from\",\"PolicyVersionList\":[{\"VersionId\":\"v1\",\"IsDefaultVersion\":true,\"Document\":"
        policies+="$(statements "$shape" "$from" "$size" "$((from + size == n))")}]}"
        attached+=",{\"PolicyName\":\"$name-$from\"}"
    done
    attached+=",{\"PolicyName\":\"login\"}"
    printf '{"Policies":[%s],"UserDetailList":[{"UserName":"%s","AttachedManagedPolicies":[%s]}]}' \
        "${policies#,}" "$name" "${attached#,}" >"$work/data/policies/$name.json"
}

password() { AWS_SHARED_CREDENTIALS_FILE=$1 "$program" get-login-password "${to[@]}"; }

for tool in cc jq awk; do
    command -v "$tool" >/dev/null || die "$tool is missing"
done
[ -x "$program" ] || die "$program is not there; ./dev build makes it"
trap clean EXIT
trap 'exit 130' INT TERM
work=$(mktemp -d /var/tmp/slipway-bench.XXXXXX)
mkdir -p "$work/data/policies"
cc -std=gnu17 -O2 -Wall -D_GNU_SOURCE "$here/load.c" -o "$work/load" -lcrypto
printf '{"Policies":[{"PolicyName":"login","PolicyVersionList":[{"VersionId":"v1","IsDefaultVersion":true,"Document":
{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"ecr:GetAuthorizationToken","Resource":"*"}]}}]}]}' \
    >"$work/data/policies/login.json"
users=(admin)
for shape in spread wide; do
    for n in 10 100 1000; do
        user "$shape" "$n"
        users+=("$shape-$n")
    done
done
"$program" serve --data "$work/data" --listen 127.0.0.1:0 >"$work/log" 2>&1 &
server=$!
for ((i = 0; i < 200; i++)); do
    [ -s "$work/data/endpoint" ] && break
    kill -0 "$server" 2>/dev/null || die "the server ended: $(tail -n 3 "$work/log")"
    sleep 0.05
done
endpoint=$(cat "$work/data/endpoint")
to=(--endpoint "$endpoint")
declare -A passwords
passwords[admin]=$(password "$work/data/credentials")
for name in "${users[@]:1}"; do
    "$program" user key "$name" --data "$work/data" >"$work/$name"
    passwords[$name]=$(password "$work/$name")
done
"$program" repo create bench/app --data "$work/data" >/dev/null
load() { "$work/load" -l "$1" -u "AWS:${passwords[$1]}" -p "$server" "${@:2}"; }
load admin "$endpoint" fill 1K >/dev/null
for name in "${users[@]}"; do load "$name" -c 4 -n 2000 "$endpoint" manifest >/dev/null; done
for ((run = 0; run < runs; run++)); do
    for name in "${users[@]}"; do load "$name" -c 16 -n "$requests" "$endpoint" manifest >>"$work/raw.jsonl"; done
done
jq -rs --argjson n "$runs" '
    def median: sort | .[(length / 2) | floor];
    def round2: . * 100 | round / 100;
    (map(select(.label == "admin") | .server_cpu_us_op) | median) as $base
    | "| user, statements | CPU us/request | beside admin | errors |", "|---|---|---|---|",
      (group_by(.label) | sort_by((.[0].label | split("-") | .[0]), (.[0].label | split("-") | .[1] // "0" | tonumber)) | .[]
       | (map(.server_cpu_us_op) | median) as $m
       | "| \(.[0].label | sub("-"; ", ")) | \($m | round2) | \((($m / $base) - 1) * 100 | round2) % | \(map(.errors) | add) |")
' "$work/raw.jsonl"
