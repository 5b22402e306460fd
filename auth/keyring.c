/* SPDX-License-Identifier: Apache-2.0 */
/* A sealed value is nonce (24 random bytes, so collisions are out of reach) | ciphertext | tag (16), with the context as
 * associated data. The file is written whole and durable before the first value is sealed: a key that a power cut could take
 * away would take every sealed row with it. Only the holder of the data folder's lock may make it. */
#include "auth/keyring.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <string.h>
#include <sys/stat.h>

#include "base/alloc.h"
#include "base/io.h"
#include "base/macros.h"

#define KEY_N    crypto_aead_xchacha20poly1305_ietf_KEYBYTES
#define NONCE_N  crypto_aead_xchacha20poly1305_ietf_NPUBBYTES
#define TAG_N    crypto_aead_xchacha20poly1305_ietf_ABYTES
#define SEAL_MAX (1024 * 1024)

struct keyring {
    unsigned char *key; /* KEY_N bytes in guarded memory */
};

void keyring_free(struct keyring *k)
{
    if (!k)
        return;
    sodium_free(k->key); /* wipes */
    free(k);
}

static void keyring_freep(struct keyring **k)
{
    keyring_free(*k);
}

static int make_key_file(const char *path, struct sw_err *err)
{
    unsigned char key[KEY_N];
    int r;

    randombytes_buf(key, sizeof(key));
    r = sw_write_file_atomic(path, key, sizeof(key), 0600, err);
    sodium_memzero(key, sizeof(key));
    return r;
}

static int read_key(int fd, const char *path, unsigned char *ret, struct sw_err *err)
{
    struct stat st;

    if (fstat(fd, &st) < 0)
        return sw_fail_os(err, errno, "cannot look at the master key %s", path);
    if (!S_ISREG(st.st_mode))
        return sw_fail(err, SW_EINVALID, NULL, "the master key %s is not a regular file", path);
    if (st.st_mode & 077)
        return sw_fail(err, SW_EINVALID, NULL,
                       "the master key %s may be used by others (mode %04o): chmod 600 %s", path,
                       (unsigned)st.st_mode & 07777, path);
    if (st.st_size != KEY_N)
        return sw_fail(err, SW_EINVALID, NULL, "the master key %s has %lld bytes instead of %u",
                       path, (long long)st.st_size, KEY_N);
    ssize_t n = pread(fd, ret, KEY_N, 0);
    if (n != KEY_N)
        return sw_fail_os(err, n < 0 ? errno : EIO, "cannot read the master key %s", path);
    return 0;
}

int keyring_open(const char *path, struct keyring **ret, struct sw_err *err)
{
    SW_CLEANUP(keyring_freep) struct keyring *k = SW_NEW(struct keyring);
    struct sw_err first = SW_ERR_INIT;
    sw_autoclose int fd = -1;
    int r;

    if (sodium_init() < 0)
        return sw_fail(err, SW_EINTERNAL, NULL, "libsodium does not start");
    k->key = sodium_malloc(KEY_N);
    if (!k->key)
        return sw_fail_os(err, ENOMEM, "cannot allocate memory for the master key");
    r = sw_open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK, 0, &fd, &first);
    if (r == SW_ENOTFOUND) {
        sw_err_clear(&first);
        if ((r = make_key_file(path, err)) < 0)
            return sw_prefix(err, "cannot make the master key");
        r = sw_open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK, 0, &fd, &first);
    }
    if (r < 0)
        return sw_err_move(err, &first);
    if ((r = read_key(fd, path, k->key, err)) < 0)
        return r;
    (void)sodium_mprotect_readonly(k->key);
    *ret = SW_TAKE(k);
    return 0;
}

int keyring_seal(struct keyring *k, const char *context, const void *data, size_t n,
                 struct sw_buf *out, struct sw_err *err)
{
    unsigned char nonce[NONCE_N];
    sw_autofree unsigned char *cipher = NULL;
    unsigned long long cipher_n = 0;

    if (n > SEAL_MAX)
        return sw_fail(err, SW_ELIMIT, NULL, "cannot seal %zu bytes: more than %d", n, SEAL_MAX);
    cipher = sw_malloc(n + TAG_N);
    randombytes_buf(nonce, sizeof(nonce));
    (void)crypto_aead_xchacha20poly1305_ietf_encrypt(cipher, &cipher_n, data, n,
                                                     (const unsigned char *)context,
                                                     strlen(context), NULL, nonce, k->key);
    sw_buf_add(out, nonce, sizeof(nonce));
    sw_buf_add(out, cipher, (size_t)cipher_n);
    return sw_buf_check(out, NULL, err);
}

int keyring_open_sealed(struct keyring *k, const char *context, const void *sealed, size_t n,
                        struct sw_buf *out, struct sw_err *err)
{
    const unsigned char *bytes = sealed;
    sw_autofree unsigned char *plain = NULL;
    unsigned long long plain_n = 0;

    if (n < NONCE_N + TAG_N || n > SEAL_MAX + NONCE_N + TAG_N)
        return sw_fail(err, SW_EMISMATCH, NULL, "a sealed value of %zu bytes is not ours", n);
    plain = sw_malloc(n - NONCE_N - TAG_N + 1);
    if (crypto_aead_xchacha20poly1305_ietf_decrypt(plain, &plain_n, NULL, bytes + NONCE_N,
                                                   n - NONCE_N, (const unsigned char *)context,
                                                   strlen(context), bytes, k->key) != 0)
        return sw_fail(
            err, SW_EMISMATCH, NULL,
            "a sealed value was changed, or sealed for another purpose or by another key");
    sw_buf_add(out, plain, (size_t)plain_n);
    sodium_memzero(plain, (size_t)plain_n);
    return sw_buf_check(out, NULL, err);
}
