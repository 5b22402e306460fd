/* SPDX-License-Identifier: Apache-2.0 */
#include "launcher/service/lease_process.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/digest.h"
#include "base/encode.h"
#include "base/err.h"
#include "base/io.h"
#include "base/json.h"
#include "base/macros.h"
#include "base/str.h"

#define STARTED_FIELD 22 /* of /proc/PID/stat, the first is 1 */

static void put_line(json_t *o, const char *key, const char *path)
{
    struct sw_err ignored = SW_ERR_INIT;
    struct sw_buf b = SW_BUF_INIT(4096);
    if (sw_read_file(path, &b, &ignored) == 0) {
        struct sw_str s = sw_buf_str(&b);
        while (s.n > 0 && (s.p[s.n - 1] == '\n' || s.p[s.n - 1] == 0))
            s.n--;
        if (s.n > 0)
            json_object_set_new(o, key, json_stringn(s.p, s.n));
    }
    sw_buf_done(&b);
}

/* The id of the machine is nobody else's business. */
static void put_machine(json_t *o)
{
    unsigned char sum[32];
    char hex[65];
    put_line(o, "machine", "/etc/machine-id");
    sw_autofree char *text = sw_asprintf("slipway lease %s", sw_json_str(o, "machine", ""));
    if (!json_object_get(o, "machine"))
        return;
    sw_sha256(text, strlen(text), sum);
    sw_hex(sum, sizeof sum, hex);
    sw_json_set_str(o, "machine", hex);
}

/* State and start of a process. The name in parentheses may hold anything. */
static bool read_stat(int64_t pid, char *ret_state, int64_t *ret_started)
{
    struct sw_err ignored = SW_ERR_INIT;
    struct sw_buf b = SW_BUF_INIT(4096);
    sw_autofree char *path = sw_asprintf("/proc/%lld/stat", (long long)pid);
    bool ok = sw_read_file(path, &b, &ignored) == 0;
    struct sw_str s = sw_buf_str(&b), field = {0};
    const char *p = ok ? memrchr(s.p, ')', s.n) : NULL;
    ok = p && p + 2 < s.p + s.n;
    if (ok) {
        struct sw_str rest = {p + 2, (size_t)(s.p + s.n - p - 2)};
        *ret_state = p[2];
        for (int i = 3; i <= STARTED_FIELD && ok; i++)
            ok = sw_str_split(&rest, ' ', &field);
        ok = ok && sw_parse_i64(field, ret_started);
    }
    sw_buf_done(&b);
    return ok;
}

char *lease_process_self(void)
{
    char state, space[64], host[256] = "";
    int64_t started;
    sw_autojson json_t *o = json_object();
    put_line(o, "boot", "/proc/sys/kernel/random/boot_id");
    put_machine(o);
    ssize_t n = readlink("/proc/self/ns/pid", space, sizeof space);
    if (n > 0 && (size_t)n < sizeof space)
        json_object_set_new(o, "pidSpace", json_stringn(space, (size_t)n));
    if (gethostname(host, sizeof host - 1) == 0)
        sw_json_set_str(o, "host", host);
    sw_json_set_int(o, "pid", getpid());
    if (read_stat(getpid(), &state, &started))
        sw_json_set_int(o, "started", started);
    return sw_json_dump(o);
}

char *lease_process_name(const char *process)
{
    sw_autojson json_t *o = json_loads(process, 0, NULL);
    return sw_asprintf("%s, process %lld", sw_json_str(o, "host", "?"),
                       (long long)sw_json_int(o, "pid", 0));
}

static bool same(const json_t *a, const json_t *b, const char *key)
{
    const char *x = sw_json_str(a, key, NULL);
    return x && sw_streq(x, sw_json_str(b, key, NULL));
}

static bool is_dead(const json_t *process)
{
    char state;
    int64_t started, pid = sw_json_int(process, "pid", 0);
    if (pid <= 0 || pid > INT32_MAX)
        return false;
    if (kill((pid_t)pid, 0) < 0 && errno == ESRCH)
        return true;
    return read_stat(pid, &state, &started) &&
           (state == 'Z' || state == 'X' || started != sw_json_int(process, "started", started));
}

enum lease_proof lease_process_proof(const char *self, const char *other)
{
    sw_autojson json_t *a = json_loads(self, 0, NULL), *b = json_loads(other, 0, NULL);
    if (!json_is_object(a) || !json_is_object(b))
        return LEASE_ALIVE_OR_UNKNOWN;
    if (same(a, b, "boot"))
        return same(a, b, "pidSpace") && is_dead(b) ? LEASE_DEAD : LEASE_ALIVE_OR_UNKNOWN;
    return same(a, b, "machine") && json_object_get(a, "boot") && json_object_get(b, "boot")
               ? LEASE_OTHER_BOOT
               : LEASE_ALIVE_OR_UNKNOWN;
}
