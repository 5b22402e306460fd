# SPDX-License-Identifier: Apache-2.0
# bench/run.sh: its JSON lines, slurped, as Markdown tables of medians.
def median(f): map(f) | sort | if length == 0 then null else .[((length - 1) / 2 | floor)] end;
def size: if . >= 1048576 then "\(. / 1048576 | floor) MiB" elif . >= 1024 then "\(. / 1024 | floor) KiB" else "\(.)" end;
def digits: if . == null then "" elif . >= 100 then (round | tostring) elif . >= 10 then (. * 10 | round / 10 | tostring) else (. * 100 | round / 100 | tostring) end;
def ratio($a; $b): if $a == null or $b == null or $b == 0 then "" else ($a / $b | digits) + " x" end;
def of($l): map(select(.label == $l));
def bench: ["ping", "manifest", "head", "pull", "manifest-put", "push"];
def named: {"ping": "ping", "manifest": "manifest GET by tag", "head": "blob HEAD", "pull": "pull", "manifest-put": "manifest PUT", "push": "push"}[.];

. as $all
| "| workload | connections | slipway ops/s | registry | nginx | x registry | x nginx | slipway MB/s | p50 / p99 ms | CPU us/op slipway, registry, nginx | peak MiB slipway, registry | errors |",
  "|---|---|---|---|---|---|---|---|---|---|---|---|",
  (bench[] as $w
   | $all | map(select(.workload == $w)) | group_by([(if $w == "pull" or $w == "push" then .size else 0 end), .conc])[]
   | of("slipway") as $s | of("registry") as $r | of("nginx") as $n
   | ($s | median(.ops_s)) as $so | ($r | median(.ops_s)) as $ro | ($n | median(.ops_s)) as $no
   | "| \($w | named)\(if $w == "pull" or $w == "push" then " " + (.[0].size | size) else "" end) | \(.[0].conc) | \($so | digits) | \($ro | digits) | \($no | digits) | \(ratio($so; $ro)) | \(ratio($so; $no)) | \(if ($s | median(.mb_s)) > 0 then ($s | median(.mb_s) | digits) else "" end) | \($s | median(.p50_ms) | digits) / \($s | median(.p99_ms) | digits) | \([$s, $r, $n | median(.server_cpu_us_op) | select(. != null) | digits] | join(", ")) | \([$s, $r | map(.rss_peak_mib) | max | digits] | join(", ")) | \(map(.errors) | add) |"),
  (if $all | any(.workload == "memory" or .workload == "start") then
    "", "| | slipway | registry | nginx |", "|---|---|---|---|",
    (["idle", "after"][] as $k | $all | map(select(.workload == "memory" and .when == $k)) | select(length > 0)
     | "| resident \({"idle": "idle after start", "after": "5 s after the pulls"}[$k]), MiB | \(of("slipway") | median(.mib)) | \(of("registry") | median(.mib)) | \(of("nginx") | median(.mib)) |"),
    ($all | map(select(.workload == "start")) | select(length > 0)
     | "| start to the first 200, ms | \(of("slipway") | median(.ms)) | \(of("registry") | median(.ms)) | |")
   else empty end),
  (if $all | any(.workload == "task") then
    "", "| launch of a present image, ms | slipway: RunTask accepted to output | slipway run: command to first output | docker run | runc alone | docker / slipway |", "|---|---|---|---|---|---|",
    (["host", "bridge"][] as $k | $all | map(select(.network == $k))
     | (map(select(.workload == "task-accepted")) | median(.ms)) as $a | map(select(.workload == "task")) | (of("slipway") | median(.ms)) as $s | (of("docker") | median(.ms)) as $d
     | "| \($k) network\(if $k == "bridge" then " with a port" else "" end) | \($a | digits) | \($s | digits) | \($d | digits) | \(of("runc") | median(.ms) | digits) | \(ratio($d; $s)) |")
   else empty end)
