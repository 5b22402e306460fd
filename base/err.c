/* SPDX-License-Identifier: Apache-2.0 */
#include "base/err.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/macros.h"

static void fill(struct sw_err *err, int code, int os_errno, const char *reason, const char *where)
{
    assert(err != NULL);
    assert(err->code == 0); /* an error is reported once; setting it again hides the first cause */
    assert(code < 0);
    err->code = code;
    err->os_errno = os_errno;
    err->reason = reason;
    err->where = where;
    err->detail[0] = 0;
}

int sw_fail_at(struct sw_err *err, int code, int os_errno, const char *reason, const char *where,
               const char *fmt, ...)
{
    va_list ap;

    fill(err, code, os_errno, reason, where);
    va_start(ap, fmt);
    (void)vsnprintf(err->msg, sizeof(err->msg), fmt, ap);
    va_end(ap);
    return code;
}

static int code_of_errno(int value)
{
    switch (value) {
    case ENOENT: return SW_ENOTFOUND;
    case ENOSPC:
    case EDQUOT: return SW_ELIMIT;
    default: return SW_EIO;
    }
}

/* What whoever asked can be told. */
static const char *reason_of_errno(int value)
{
    switch (value) {
    case ENOSPC:
    case EDQUOT: return "DiskFull";
    case EROFS: return "DiskReadOnly";
    default: return NULL;
    }
}

int sw_fail_os_at(struct sw_err *err, int errno_value, const char *where, const char *fmt, ...)
{
    int code = code_of_errno(errno_value);
    const char *text = strerrordesc_np(errno_value);
    va_list ap;

    fill(err, code, errno_value, reason_of_errno(errno_value), where);
    va_start(ap, fmt);
    int n = vsnprintf(err->msg, sizeof(err->msg), fmt, ap);
    va_end(ap);
    /* A long text loses its tail rather than the cause. */
    size_t used = n < 0 ? 0 : (size_t)n;
    used = SW_MIN(used, sizeof(err->msg) - 80);
    if (text)
        (void)snprintf(err->msg + used, sizeof(err->msg) - used, ": %s", text);
    else
        (void)snprintf(err->msg + used, sizeof(err->msg) - used, ": error %d", errno_value);
    return code;
}

int sw_prefix(struct sw_err *err, const char *fmt, ...)
{
    char text[sizeof(err->msg)];
    va_list ap;

    assert(err->code != 0);
    va_start(ap, fmt);
    int n = vsnprintf(text, sizeof(text) - 2, fmt, ap);
    va_end(ap);
    size_t used = n < 0 ? 0 : SW_MIN((size_t)n, sizeof(text) - 3);
    memcpy(text + used, ": ", 2);
    used += 2;
    size_t keep = SW_MIN(strlen(err->msg), sizeof(err->msg) - 1 - used);
    memmove(err->msg + used, err->msg, keep);
    memcpy(err->msg, text, used);
    err->msg[used + keep] = 0;
    return err->code;
}

int sw_detail(struct sw_err *err, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    (void)vsnprintf(err->detail, sizeof(err->detail), fmt, ap);
    va_end(ap);
    return err->code;
}

void sw_err_clear(struct sw_err *err)
{
    *err = (struct sw_err)SW_ERR_INIT;
}

int sw_err_move(struct sw_err *dst, struct sw_err *src)
{
    assert(dst != src);
    assert(dst->code == 0);
    *dst = *src;
    sw_err_clear(src);
    return dst->code;
}

const char *sw_error_code_to_string(int code)
{
    static const char *const names[] = {
        "none",     "not-found",   "conflict", "invalid", "denied",   "limit",
        "mismatch", "unavailable", "stale",    "io",      "internal", "unsupported",
    };
    size_t i = code <= 0 ? (size_t)-code : SW_ARRAY_LEN(names);

    return i < SW_ARRAY_LEN(names) ? names[i] : "unknown";
}
