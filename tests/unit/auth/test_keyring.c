/* SPDX-License-Identifier: Apache-2.0 */
#include "auth/keyring.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/macros.h"
#include "tests/lib/test.h"

static void freep(struct keyring **k)
{
    keyring_free(*k);
}
#define autokeyring SW_CLEANUP(freep) struct keyring

TEST(makes_a_private_key_file_once)
{
    const char *path = test_path("master.key");
    autokeyring *a = NULL, *b = NULL;
    SW_CLEANUP(sw_buf_done) struct sw_buf sealed = SW_BUF_INIT(4096), plain = SW_BUF_INIT(4096);
    struct sw_err err = SW_ERR_INIT;
    struct stat st;

    CHECK_OK(keyring_open(path, &a, &err));
    CHECK_EQ_INT(stat(path, &st), 0);
    CHECK_EQ_INT(st.st_mode & 07777, 0600);
    CHECK_EQ_INT(st.st_size, 32);
    CHECK_OK(keyring_seal(a, "purpose", "secret", 6, &sealed, &err));
    CHECK_OK(keyring_open(path, &b, &err));
    CHECK_OK(keyring_open_sealed(b, "purpose", sealed.p, sealed.n, &plain, &err));
    CHECK_EQ_MEM(plain.p, plain.n, "secret", 6);
}

TEST(refuses_a_file_that_others_may_use)
{
    static const mode_t modes[] = {0640, 0604, 0620, 0601, 0666};

    for (size_t i = 0; i < SW_ARRAY_LEN(modes); i++) {
        const char *path =
            test_write_file(test_path("key%zu", i), "01234567890123456789012345678901", 32);
        struct sw_err err = SW_ERR_INIT;
        struct keyring *k = NULL;
        CHECK_EQ_INT(chmod(path, modes[i]), 0);
        CHECK_ERR(keyring_open(path, &k, &err), SW_EINVALID, NULL);
        CHECK_NULL(k);
    }
}

TEST(refuses_a_file_of_the_wrong_size_or_kind)
{
    static const size_t sizes[] = {0, 31, 33};
    struct sw_err err = SW_ERR_INIT;
    struct keyring *k = NULL;

    for (size_t i = 0; i < SW_ARRAY_LEN(sizes); i++) {
        const char *path =
            test_write_file(test_path("key%zu", i), "012345678901234567890123456789012", sizes[i]);
        CHECK_EQ_INT(chmod(path, 0600), 0);
        CHECK_ERR(keyring_open(path, &k, &err), SW_EINVALID, NULL);
    }
    CHECK_EQ_INT(mkdir(test_path("folder"), 0700), 0);
    CHECK_ERR(keyring_open(test_path("folder"), &k, &err), SW_EINVALID, NULL);
    CHECK_EQ_INT(mkfifo(test_path("pipe"), 0600), 0);
    CHECK_ERR(keyring_open(test_path("pipe"), &k, &err), SW_EINVALID, NULL);
    CHECK(symlink(test_path("elsewhere"), test_path("link")) == 0);
    CHECK(keyring_open(test_path("link"), &k, &err) < 0);
    sw_err_clear(&err);
    CHECK(keyring_open(test_path("no/such/folder/key"), &k, &err) < 0);
}

TEST(seals_differently_every_time_and_any_length)
{
    autokeyring *k = NULL;
    struct sw_err err = SW_ERR_INIT;
    char data[1000];

    memset(data, 'x', sizeof(data));
    CHECK_OK(keyring_open(test_path("k"), &k, &err));
    for (size_t n = 0; n <= sizeof(data); n += 125) {
        SW_CLEANUP(sw_buf_done)
        struct sw_buf a = SW_BUF_INIT(4096), b = SW_BUF_INIT(4096), plain = SW_BUF_INIT(4096);
        CHECK_OK(keyring_seal(k, "c", data, n, &a, &err));
        CHECK_OK(keyring_seal(k, "c", data, n, &b, &err));
        CHECK_EQ_UINT(a.n, n + 40);
        CHECK(memcmp(a.p, b.p, a.n) != 0);
        CHECK_OK(keyring_open_sealed(k, "c", a.p, a.n, &plain, &err));
        CHECK_EQ_MEM(sw_buf_str(&plain).p, plain.n, data, n);
    }
}

TEST(flipping_any_bit_fails)
{
    autokeyring *k = NULL;
    SW_CLEANUP(sw_buf_done) struct sw_buf sealed = SW_BUF_INIT(4096), plain = SW_BUF_INIT(4096);
    struct sw_err err = SW_ERR_INIT;

    CHECK_OK(keyring_open(test_path("k"), &k, &err));
    CHECK_OK(keyring_seal(k, "c", "secret", 6, &sealed, &err));
    for (size_t i = 0; i < sealed.n * 8; i++) {
        sealed.p[i / 8] = (char)(sealed.p[i / 8] ^ (1 << i % 8));
        CHECK_ERR(keyring_open_sealed(k, "c", sealed.p, sealed.n, &plain, &err), SW_EMISMATCH,
                  NULL);
        sealed.p[i / 8] = (char)(sealed.p[i / 8] ^ (1 << i % 8));
    }
    for (size_t n = 0; n < sealed.n; n++)
        CHECK_ERR(keyring_open_sealed(k, "c", sealed.p, n, &plain, &err), SW_EMISMATCH, NULL);
    CHECK_EQ_UINT(plain.n, 0);
}

TEST(another_context_or_key_does_not_open)
{
    autokeyring *k = NULL, *other = NULL;
    SW_CLEANUP(sw_buf_done) struct sw_buf sealed = SW_BUF_INIT(4096), plain = SW_BUF_INIT(4096);
    struct sw_err err = SW_ERR_INIT;

    CHECK_OK(keyring_open(test_path("k"), &k, &err));
    CHECK_OK(keyring_open(test_path("other"), &other, &err));
    CHECK_OK(keyring_seal(k, "access key A", "secret", 6, &sealed, &err));
    CHECK_ERR(keyring_open_sealed(k, "access key B", sealed.p, sealed.n, &plain, &err),
              SW_EMISMATCH, NULL);
    CHECK_ERR(keyring_open_sealed(k, "", sealed.p, sealed.n, &plain, &err), SW_EMISMATCH, NULL);
    CHECK_ERR(keyring_open_sealed(other, "access key A", sealed.p, sealed.n, &plain, &err),
              SW_EMISMATCH, NULL);
}

TEST(a_buffer_without_room_is_a_limit)
{
    autokeyring *k = NULL;
    SW_CLEANUP(sw_buf_done)
    struct sw_buf small = SW_BUF_INIT(45), sealed = SW_BUF_INIT(4096), tiny = SW_BUF_INIT(5);
    struct sw_err err = SW_ERR_INIT;

    CHECK_OK(keyring_open(test_path("k"), &k, &err));
    CHECK_ERR(keyring_seal(k, "c", "secret", 6, &small, &err), SW_ELIMIT, NULL);
    CHECK_OK(keyring_seal(k, "c", "secret", 6, &sealed, &err));
    CHECK_ERR(keyring_open_sealed(k, "c", sealed.p, sealed.n, &tiny, &err), SW_ELIMIT, NULL);
    CHECK_ERR(keyring_seal(k, "c", "", (size_t)2 << 20, &sealed, &err), SW_ELIMIT, NULL);
}
