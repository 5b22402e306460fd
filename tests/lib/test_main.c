/* SPDX-License-Identifier: Apache-2.0 */
/* tests/lib/test_main.c - the runner behind test.h.
 * One case at a time, in the order of the file. What a case allocates here (paths, file texts) and its
 * folder are released when it ends, however it ends. */
#include "tests/lib/test.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum outcome { PASSED, FAILED, SKIPPED };

struct memory {
    struct memory *next;
    char data[];
};

static struct test_case *cases;
static struct memory *memories;
static char dir[4096];
static const struct test_case *running;
static pthread_t runner;
static jmp_buf back;

void test_register(struct test_case *c)
{
    struct test_case **at = &cases;
    while (*at)
        at = &(*at)->next;
    *at = c;
}

static void die(const char *what)
{
    fprintf(stderr, "test runner: %s: %s\n", what, strerror(errno));
    abort();
}

static char *case_alloc(size_t n)
{
    struct memory *m = malloc(sizeof *m + n);
    if (!m)
        die("malloc");
    m->next = memories;
    memories = m;
    return m->data;
}

__attribute__((format(printf, 2, 0))) static char *case_vprintf(const char *head, const char *fmt,
                                                                va_list ap)
{
    va_list again;
    va_copy(again, ap);
    int n = vsnprintf(NULL, 0, fmt, again);
    va_end(again);
    if (n < 0)
        die("format");
    size_t head_n = strlen(head);
    char *s = case_alloc(head_n + (size_t)n + 2);
    memcpy(s, head, head_n);
    s[head_n] = '/';
    vsnprintf(s + head_n + 1, (size_t)n + 1, fmt, ap);
    return s;
}

__attribute__((noreturn)) static void leave(enum outcome how)
{
    if (!running || !pthread_equal(pthread_self(), runner)) {
        fflush(NULL);
        _exit(1);
    }
    longjmp(back, (int)how);
}

void test_fail(const char *file, int line, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    fprintf(stderr, "  %s:%d: failed: ", file, line);
    vfprintf(stderr, fmt, ap);
    fprintf(stderr, "\n");
    va_end(ap);
    leave(FAILED);
}

void test_skip(const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    printf("  %s not run: ", running ? running->name : "");
    vprintf(fmt, ap);
    printf("\n");
    va_end(ap);
    leave(SKIPPED);
}

const char *test_dir(void)
{
    if (!dir[0]) {
        const char *base = getenv("TMPDIR");
        snprintf(dir, sizeof dir, "%s/slipway-test-XXXXXX", base && base[0] == '/' ? base : "/tmp");
        if (!mkdtemp(dir))
            die(dir);
    }
    return dir;
}

const char *test_path(const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    char *s = case_vprintf(test_dir(), fmt, ap);
    va_end(ap);
    return s;
}

const char *test_source(const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    char *s = case_vprintf(SW_TEST_SOURCE_DIR, fmt, ap);
    va_end(ap);
    return s;
}

const char *test_write_file(const char *path, const void *data, size_t n)
{
    FILE *f = fopen(path, "we");
    bool ok = f && fwrite(data, 1, n, f) == n;
    if (!f || fclose(f) != 0 || !ok)
        test_fail(__FILE__, __LINE__, "cannot write %s: %s", path, strerror(errno));
    return path;
}

char *test_read_file(const char *path, size_t *ret_n)
{
    FILE *f = fopen(path, "re");
    struct stat st;
    if (!f || fstat(fileno(f), &st) < 0)
        test_fail(__FILE__, __LINE__, "cannot read %s: %s", path, strerror(errno));
    char *text = case_alloc((size_t)st.st_size + 1);
    size_t n = fread(text, 1, (size_t)st.st_size, f);
    text[n] = 0;
    fclose(f);
    if (ret_n)
        *ret_n = n;
    return text;
}

void test_check_int(const char *file, int line, const char *expr, int64_t got, int64_t want)
{
    if (got != want)
        test_fail(file, line, "%s is %lld, not %lld", expr, (long long)got, (long long)want);
}

void test_check_uint(const char *file, int line, const char *expr, uint64_t got, uint64_t want)
{
    if (got != want)
        test_fail(file, line, "%s is %llu, not %llu", expr, (unsigned long long)got,
                  (unsigned long long)want);
}

void test_check_str(const char *file, int line, const char *expr, const char *got, const char *want)
{
    if (got == want || (got && want && strcmp(got, want) == 0))
        return;
    test_fail(file, line, "%s\n    is   %s%s%s\n    not  %s%s%s", expr, got ? "\"" : "",
              got ? got : "NULL", got ? "\"" : "", want ? "\"" : "", want ? want : "NULL",
              want ? "\"" : "");
}

void test_check_mem(const char *file, int line, const char *expr, const void *got, size_t got_n,
                    const void *want, size_t want_n)
{
    if (got_n != want_n)
        test_fail(file, line, "%s has %zu bytes, not %zu", expr, got_n, want_n);
    for (size_t i = 0; i < got_n; i++) {
        unsigned g = ((const unsigned char *)got)[i], w = ((const unsigned char *)want)[i];
        if (g != w)
            test_fail(file, line, "%s: byte %zu is 0x%02x, not 0x%02x", expr, i, g, w);
    }
}

void test_check_contains(const char *file, int line, const char *expr, const char *got,
                         const char *part)
{
    if (!got || !strstr(got, part))
        test_fail(file, line, "%s\n    is       %s\n    without  %s", expr, got ? got : "NULL",
                  part);
}

void test_check_ok(const char *file, int line, const char *expr, int result,
                   const struct sw_err *err)
{
    if (result < 0)
        test_fail(file, line, "%s = %d: %s (%s, at %s)", expr, result, err->msg,
                  err->reason ? err->reason : "no reason", err->where ? err->where : "?");
    if (err->code != 0)
        test_fail(file, line, "%s succeeded but set an error: %s", expr, err->msg);
}

void test_check_err(const char *file, int line, const char *expr, int result, int code,
                    const char *reason, struct sw_err *err)
{
    if (result != code)
        test_fail(file, line, "%s = %d, not %d: %s", expr, result, code, err->msg);
    if (err->code != code)
        test_fail(file, line, "%s: err.code is %d, not %d", expr, err->code, code);
    if (reason && (!err->reason || strcmp(err->reason, reason) != 0))
        test_fail(file, line, "%s: reason is %s, not %s: %s", expr,
                  err->reason ? err->reason : "NULL", reason, err->msg);
    memset(err, 0, sizeof *err);
}

static int remove_entry(const char *path, const struct stat *st, int kind, struct FTW *ftw)
{
    (void)st, (void)ftw;
    if (kind == FTW_D)
        (void)chmod(path, 0700);
    (void)remove(path);
    return 0;
}

/* Folders without permissions are opened on the way down, then everything goes on the way up. */
static int open_entry(const char *path, const struct stat *st, int kind, struct FTW *ftw)
{
    (void)ftw;
    if (kind == FTW_DNR || (kind == FTW_D && (st->st_mode & 0700) != 0700))
        (void)chmod(path, 0700);
    return 0;
}

static void case_done(void)
{
    while (memories) {
        struct memory *m = memories;
        memories = m->next;
        free(m);
    }
    if (dir[0]) {
        (void)nftw(dir, open_entry, 32, FTW_PHYS | FTW_MOUNT);
        (void)nftw(dir, remove_entry, 32, FTW_PHYS | FTW_DEPTH | FTW_MOUNT);
        dir[0] = 0;
    }
}

static enum outcome run_case(const struct test_case *c)
{
    struct timespec start, end;
    clock_gettime(CLOCK_MONOTONIC, &start);
    running = c;
    volatile enum outcome how = PASSED;
    int jumped = setjmp(back);
    if (jumped == 0)
        c->fn();
    else
        how = (enum outcome)jumped;
    running = NULL;
    case_done();
    clock_gettime(CLOCK_MONOTONIC, &end);
    double ms =
        (double)(end.tv_sec - start.tv_sec) * 1e3 + (double)(end.tv_nsec - start.tv_nsec) / 1e6;
    static const char *const words[] = {"ok", "FAILED", "skipped"};
    printf("%-7s %s (%.0f ms)\n", words[how], c->name, ms);
    fflush(stdout);
    return how;
}

static bool wanted(const struct test_case *c, int argc, char **argv)
{
    for (int i = 1; i < argc; i++)
        if (strcmp(argv[i], c->name) == 0)
            return true;
    return argc <= 1;
}

static bool known(const char *name)
{
    for (const struct test_case *c = cases; c; c = c->next)
        if (strcmp(c->name, name) == 0)
            return true;
    return false;
}

int main(int argc, char **argv)
{
    if (argc == 2 && strcmp(argv[1], "--list") == 0) {
        for (const struct test_case *c = cases; c; c = c->next)
            puts(c->name);
        return 0;
    }
    for (int i = 1; i < argc; i++)
        if (!known(argv[i])) {
            fprintf(stderr, "%s: no case %s; --list shows them\n", argv[0], argv[i]);
            return 2;
        }
    runner = pthread_self();
    int count[3] = {0};
    for (const struct test_case *c = cases; c; c = c->next)
        if (wanted(c, argc, argv))
            count[run_case(c)]++;
    const char *slash = strrchr(argv[0], '/');
    printf("%s: %d passed, %d failed, %d skipped\n", slash ? slash + 1 : argv[0], count[PASSED],
           count[FAILED], count[SKIPPED]);
    fflush(NULL);
    /* A failed case was left by a jump, so what it held is not a leak worth a report. */
    if (count[FAILED])
        _exit(1);
    return count[PASSED] == 0 && count[SKIPPED] ? 77 : 0;
}
