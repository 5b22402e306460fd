/* SPDX-License-Identifier: Apache-2.0 */
#include "base/lazy.h"

#include <archive.h>
#include <archive_entry.h>
#include <dlfcn.h>
#include <pthread.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/digest.h"
#include "base/err.h"
#include "base/httpc.h"
#include "base/macros.h"
#include "base/websocket_client.h"
#include "tests/lib/test.h"

#define THREADS 8

TEST(a_missing_library_is_named_and_tried_again)
{
    struct sw_lazy missing = SW_LAZY_INIT("libslipway-has-no-such.so.1");

    for (int i = 0; i < 2; i++) {
        struct sw_err err = SW_ERR_INIT;
        CHECK_EQ_INT(sw_lazy_load(&missing, &err), SW_EUNAVAILABLE);
        CHECK(strstr(err.msg, "libslipway-has-no-such.so.1") != NULL);
    }
    missing.soname = "libm.so.6";
    struct sw_err err = SW_ERR_INIT;
    CHECK_EQ_INT(sw_lazy_load(&missing, &err), 0);
}

/* What a child that needs `name` of `lib` says before it ends, and the signal that ends it. */
static int end_of_child(struct sw_lazy *lib, const char *name, char *said, size_t cap)
{
    int fds[2], status = 0;

    CHECK_EQ_INT(pipe(fds), 0);
    pid_t pid = fork();
    if (pid == 0) {
        _Atomic(void *) slot = NULL;
        (void)dup2(fds[1], STDERR_FILENO);
        (void)signal(SIGABRT, SIG_DFL);
        (void)sw_lazy_symbol(lib, &slot, name);
        _exit(0);
    }
    (void)close(fds[1]);
    size_t n = 0;
    for (ssize_t got = 1; got > 0 && n < cap - 1; n += (size_t)SW_MAX(got, 0))
        got = read(fds[0], said + n, cap - 1 - n);
    said[n] = 0;
    (void)close(fds[0]);
    CHECK_EQ_INT(waitpid(pid, &status, 0), pid);
    return WIFSIGNALED(status) ? WTERMSIG(status) : 0;
}

TEST(a_forward_without_its_library_or_function_ends_the_program)
{
    struct sw_lazy missing = SW_LAZY_INIT("libslipway-has-no-such.so.1");
    struct sw_lazy math = SW_LAZY_INIT("libm.so.6");
    char said[4096];

    CHECK_EQ_INT(end_of_child(&missing, "cos", said, sizeof said), SIGABRT);
    CHECK(strstr(said, "slipway: cos: ") != NULL);
    CHECK(strstr(said, "libslipway-has-no-such.so.1") != NULL);
    CHECK_EQ_INT(end_of_child(&math, "slipway_cos", said, sizeof said), SIGABRT);
    CHECK(strstr(said, "libm.so.6 has no slipway_cos") != NULL);
    CHECK_EQ_INT(end_of_child(&math, "cos", said, sizeof said), 0);
}

static struct sw_lazy shared = SW_LAZY_INIT("libm.so.6");

static void *use_shared(void *ctx)
{
    static _Atomic(void *) slot;

    (void)ctx;
    return sw_lazy_symbol(&shared, &slot, "cos");
}

TEST(threads_that_come_first_find_the_same_function)
{
    pthread_t threads[THREADS];
    void *found[THREADS];

    for (size_t i = 0; i < THREADS; i++)
        CHECK_EQ_INT(pthread_create(&threads[i], NULL, use_shared, NULL), 0);
    for (size_t i = 0; i < THREADS; i++)
        CHECK_EQ_INT(pthread_join(threads[i], &found[i]), 0);
    for (size_t i = 0; i < THREADS; i++)
        CHECK(found[i] && found[i] == found[0]);
}

static bool is_loaded(const char *soname)
{
    void *handle = dlopen(soname, RTLD_LAZY | RTLD_NOLOAD);

    if (handle)
        (void)dlclose(handle);
    return handle != NULL;
}

TEST(an_http_client_loads_its_library_with_the_first_request)
{
    CHECK(!is_loaded("libcurl.so.4"));
    struct httpc *c = httpc_new(&(struct httpc_options){0});
    CHECK(!is_loaded("libcurl.so.4"));
    struct httpc_request req = {.method = "GET", .url = "http://127.0.0.1:1/"};
    struct httpc_response res;
    struct sw_err err = SW_ERR_INIT;
    CHECK_EQ_INT(httpc_perform(c, &req, &res, &err), SW_EUNAVAILABLE);
    CHECK(is_loaded("libcurl.so.4"));
    httpc_free(c);
}

TEST(a_hasher_of_unknown_length_loads_libcrypto)
{
    struct digest_hasher *h = digest_hasher_new(DIGEST_SHA256);
    CHECK(sw_crypto_loaded() && is_loaded("libcrypto.so.3"));
    digest_hasher_free(h);
}

TEST(a_websocket_client_loads_libcrypto_before_it_needs_it)
{
    struct httpc *http = httpc_new(&(struct httpc_options){0});
    const struct ws_client_options o = {.http = http, .url = "ws://127.0.0.1:1/"};
    struct ws_client *c = NULL;
    struct sw_err err = SW_ERR_INIT;
    CHECK_EQ_INT(ws_client_open(&o, &c, &err), SW_EUNAVAILABLE);
    CHECK(sw_crypto_loaded());
    httpc_free(http);
}

TEST(archives_are_written_and_read_through_the_forwards)
{
    CHECK(!is_loaded("libarchive.so.13"));
    struct sw_err err = SW_ERR_INIT;
    CHECK_EQ_INT(sw_archive_load(&err), 0);
    CHECK(is_loaded("libarchive.so.13"));

    FILE *file = tmpfile();
    CHECK(file != NULL);
    struct archive *a = archive_write_new();
    CHECK_EQ_INT(archive_write_set_format_pax_restricted(a), ARCHIVE_OK);
    CHECK_EQ_INT(archive_write_open_fd(a, fileno(file)), ARCHIVE_OK);
    struct archive_entry *e = archive_entry_new();
    archive_entry_set_pathname(e, "a/name");
    archive_entry_set_filetype(e, AE_IFREG);
    archive_entry_set_perm(e, 0640);
    archive_entry_set_mtime(e, 1700000000, 0);
    archive_entry_set_size(e, 5);
    CHECK_EQ_INT(archive_write_header(a, e), ARCHIVE_OK);
    CHECK_EQ_INT((int)archive_write_data(a, "hello", 5), 5);
    archive_entry_free(e);
    archive_set_error(a, 7, "%s and %d", "text", 12);
    CHECK_EQ_INT(archive_errno(a), 7);
    CHECK_EQ_STR(archive_error_string(a), "text and 12");
    CHECK_EQ_INT(archive_write_close(a), ARCHIVE_OK);
    CHECK_EQ_INT(archive_write_free(a), ARCHIVE_OK);

    char path[64];
    const void *data;
    size_t n;
    la_int64_t offset;
    (void)snprintf(path, sizeof path, "/proc/self/fd/%d", fileno(file));
    a = archive_read_new();
    CHECK_EQ_INT(archive_read_support_format_tar(a), ARCHIVE_OK);
    CHECK_EQ_INT(archive_read_open_filename(a, path, 4096), ARCHIVE_OK);
    CHECK_EQ_INT(archive_read_next_header(a, &e), ARCHIVE_OK);
    CHECK_EQ_STR(archive_entry_pathname(e), "a/name");
    CHECK_EQ_INT((int)archive_entry_perm(e), 0640);
    CHECK_EQ_INT((int)archive_entry_size(e), 5);
    CHECK_EQ_INT((int)archive_entry_mtime(e), 1700000000);
    CHECK_EQ_INT(archive_read_data_block(a, &data, &n, &offset), ARCHIVE_OK);
    CHECK(n == 5 && memcmp(data, "hello", 5) == 0);
    CHECK_EQ_INT(archive_read_free(a), ARCHIVE_OK);
    (void)fclose(file);
}
