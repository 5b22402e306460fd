/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* tests/lib/test.h - the test cases of one program.
 *
 * TEST(name) { ... } registers itself; tests/lib/test_main.c is main(). `program` runs every case,
 * `program NAME...` the named ones, `program --list` prints the names.
 * A failed CHECK prints what it saw and ends the case (setjmp back to the runner, so cleanup attributes
 * of that case do not run: leak checking is off for a failed program). CHECKs of other threads end the
 * program instead. Values are evaluated exactly once.
 * test_dir() is a fresh folder for the running case, removed when the case ends, whatever lies in it.
 * Depends on libc, and on base/err.h as a header only. */
#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

struct test_case {
    const char *name;
    void (*fn)(void);
    const char *file;
    int line;
    struct test_case *next;
};

void test_register(struct test_case *c);

#define TEST(test_name)                                                                         \
    static void test_fn_##test_name(void);                                                      \
    static struct test_case test_case_##test_name = {#test_name, test_fn_##test_name, __FILE__, \
                                                     __LINE__, NULL};                           \
    __attribute__((constructor)) static void test_add_##test_name(void)                         \
    {                                                                                           \
        test_register(&test_case_##test_name);                                                  \
    }                                                                                           \
    static void test_fn_##test_name(void)

/* Ends the running case with a message; never returns. */
__attribute__((noreturn, format(printf, 3, 4))) void test_fail(const char *file, int line,
                                                               const char *fmt, ...);

/* Ends the running case as not run, e.g. `test_skip("needs root")`; never returns. */
__attribute__((noreturn, format(printf, 1, 2))) void test_skip(const char *fmt, ...);

/* An existing, empty folder (absolute path) of the running case. The same one at every call. */
const char *test_dir(void);
/* "<test_dir()>/<formatted name>"; valid until the case ends; not created. */
__attribute__((format(printf, 1, 2))) const char *test_path(const char *fmt, ...);
/* Writes n bytes to a new or truncated file and returns its path; fails the case when it cannot. */
const char *test_write_file(const char *path, const void *data, size_t n);
/* The whole file, NUL-terminated, valid until the case ends; its size in *ret_n unless NULL. */
char *test_read_file(const char *path, size_t *ret_n);
/* A path in the source tree: test_source("tests/fuzz/corpus/%s", name). */
__attribute__((format(printf, 1, 2))) const char *test_source(const char *fmt, ...);

/* Behind the macros. */
void test_check_int(const char *file, int line, const char *expr, int64_t got, int64_t want);
void test_check_uint(const char *file, int line, const char *expr, uint64_t got, uint64_t want);
void test_check_str(const char *file, int line, const char *expr, const char *got,
                    const char *want);
void test_check_mem(const char *file, int line, const char *expr, const void *got, size_t got_n,
                    const void *want, size_t want_n);
void test_check_contains(const char *file, int line, const char *expr, const char *got,
                         const char *part);
void test_check_ok(const char *file, int line, const char *expr, int result,
                   const struct sw_err *err);
void test_check_err(const char *file, int line, const char *expr, int result, int code,
                    const char *reason, struct sw_err *err);

#define CHECK(cond)                                     \
    do {                                                \
        if (!(cond))                                    \
            test_fail(__FILE__, __LINE__, "%s", #cond); \
    } while (0)
/* CHECK with a printf explanation: CHECK_MSG(n == 3, "row %zu of the table", i). */
#define CHECK_MSG(cond, ...)                            \
    do {                                                \
        if (!(cond)) {                                  \
            fprintf(stderr, "    ");                    \
            fprintf(stderr, __VA_ARGS__);               \
            fprintf(stderr, "\n");                      \
            test_fail(__FILE__, __LINE__, "%s", #cond); \
        }                                               \
    } while (0)
/* (got, want) throughout. */
#define CHECK_EQ_INT(got, want) \
    test_check_int(__FILE__, __LINE__, #got, (int64_t)(got), (int64_t)(want))
#define CHECK_EQ_UINT(got, want) \
    test_check_uint(__FILE__, __LINE__, #got, (uint64_t)(got), (uint64_t)(want))
/* Either may be NULL; NULL equals only NULL. */
#define CHECK_EQ_STR(got, want) test_check_str(__FILE__, __LINE__, #got, (got), (want))
#define CHECK_EQ_MEM(got, got_n, want, want_n) \
    test_check_mem(__FILE__, __LINE__, #got, (got), (got_n), (want), (want_n))
#define CHECK_CONTAINS(got, part) test_check_contains(__FILE__, __LINE__, #got, (got), (part))
#define CHECK_NULL(p)             CHECK((p) == NULL)
#define CHECK_NOT_NULL(p)         CHECK((p) != NULL)

/* `struct sw_err err = SW_ERR_INIT; CHECK_OK(f(..., &err));`: not negative, and err untouched.
 * The variable must be called err, as everywhere in the project; CHECK_OK_IN names another. */
#define CHECK_OK(call)          CHECK_OK_IN(call, &err)
#define CHECK_OK_IN(call, errp) test_check_ok(__FILE__, __LINE__, #call, (call), (errp))
/* CHECK_ERR(f(..., &err), SW_ENOTFOUND, "Reason"): that code and reason (NULL: any), then clears err. */
#define CHECK_ERR(call, code, reason) \
    test_check_err(__FILE__, __LINE__, #call, (call), (code), (reason), &err)
