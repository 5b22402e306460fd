/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* base/err.h - errors are values on the caller's stack, passed down as the last parameter.
 *
 * A function that can fail returns 0 (or a documented positive value) or a negative SW_E* code and
 * has then filled `err` exactly once. `reason` is a static wire name
 * ("RepositoryNotFoundException", "BLOB_UNKNOWN"), which api/wire_errors.c maps to a status; NULL
 * means an internal failure. `msg` is for people. `detail` is an optional machine-readable addition
 * (a digest, a tag) for protocols that carry one. Never allocated, so it cannot leak and needs no
 * cleanup. Threads: belongs to one thread at a time. */
#include <stdarg.h>

enum sw_error_code {
    SW_ENOTFOUND = -1,    /* the thing asked for does not exist */
    SW_ECONFLICT = -2,    /* exists already, or its state forbids the request */
    SW_EINVALID = -3,     /* the input is malformed or out of its range */
    SW_EDENIED = -4,      /* authenticated or not: may not do this */
    SW_ELIMIT = -5,       /* a named maximum was exceeded */
    SW_EMISMATCH = -6,    /* content does not have the promised digest or signature */
    SW_EUNAVAILABLE = -7, /* a peer or resource cannot serve now; trying again later makes sense */
    SW_ESTALE = -8,       /* the version that a change was based on is no longer current */
    SW_EIO = -9,          /* the operating system failed; os_errno says how */
    SW_EINTERNAL = -10,   /* a bug, or data that contradicts itself */
    SW_EUNSUPPORTED = -11 /* understood, but not implemented: refused by name */
};

struct sw_err {
    int code;           /* 0: nothing failed yet; else one of enum sw_error_code */
    int os_errno;       /* 0 or the errno behind it */
    const char *reason; /* static wire name, or NULL */
    const char *where;  /* "file.c:123" where it was first set; static */
    char detail[160];   /* "" or one value for the protocol's detail member */
    char msg[720];
};

#define SW_ERR_INIT \
    {               \
        0           \
    }

#define SW_STRINGIFY_(x) #x
#define SW_STRINGIFY(x)  SW_STRINGIFY_(x)
#define SW_WHERE         __FILE__ ":" SW_STRINGIFY(__LINE__)

/* Sets err and returns code. Asserts that err was clean: overwriting an error is a bug.
 * `reason` may be NULL. The format is printf's; the text is cut to fit. */
#define sw_fail(err, code, reason, ...) \
    sw_fail_at((err), (code), 0, (reason), SW_WHERE, __VA_ARGS__)

/* The same for a failed system call: code from errno_value (ENOSPC, EDQUOT -> SW_ELIMIT with reason
 * "DiskFull"; ENOENT -> SW_ENOTFOUND; EROFS -> SW_EIO with "DiskReadOnly"; all else SW_EIO); appends ":
 * strerror". */
#define sw_fail_os(err, errno_value, ...) sw_fail_os_at((err), (errno_value), SW_WHERE, __VA_ARGS__)

int sw_fail_at(struct sw_err *err, int code, int os_errno, const char *reason, const char *where,
               const char *fmt, ...) __attribute__((format(printf, 6, 7)));
int sw_fail_os_at(struct sw_err *err, int errno_value, const char *where, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));

/* Puts "text: " before the message; keeps code and reason. Returns err->code. */
int sw_prefix(struct sw_err *err, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Sets err->detail (cut to fit); returns err->code, so that it can end a return statement. */
int sw_detail(struct sw_err *err, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Forgets an error that was handled. */
void sw_err_clear(struct sw_err *err);

/* Moves src into dst (dst must be clean) and clears src. Returns dst->code. */
int sw_err_move(struct sw_err *dst, struct sw_err *src);

/* "not-found", "conflict", ...: for logs. Never NULL. */
const char *sw_error_code_to_string(int code);
