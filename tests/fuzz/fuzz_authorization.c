/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz-deps: auth storage/meta base */
/* Input: the value of an Authorization header, and the inside of a sealed token.
 * Property: without the master key nothing is let in, and every refusal is UNAUTHORIZED or one of SigV4's. */
#include <assert.h>
#include <stdlib.h>

#include "auth/sigv4.h"
#include "auth/token.h"
#include "base/encode.h"
#include "base/io.h"
#include "base/macros.h"

#define NOW_US (1440938160LL * 1000000)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerInitialize(int *argc, char ***argv);

static struct world {
    char dir[64];
    struct keyring *keyring;
    struct meta_db *db;
    struct identity *id;
    struct session_store *sessions;
} world;

static void close_world(void)
{
    struct sw_err err = SW_ERR_INIT;

    session_store_free(world.sessions);
    identity_free(world.id);
    meta_db_free(world.db);
    keyring_free(world.keyring);
    (void)sw_remove_tree(world.dir, &err);
}

int LLVMFuzzerInitialize(int *argc SW_UNUSED, char ***argv SW_UNUSED)
{
    struct sw_err err = SW_ERR_INIT;
    struct meta_options o = {0};
    struct principal p;
    struct identity_key key;
    char path[128];

    (void)snprintf(world.dir, sizeof(world.dir), "/tmp/fuzz-authorization-XXXXXX");
    int r = sw_make_temp_dir(world.dir, &err);
    (void)snprintf(path, sizeof(path), "%s/key", world.dir);
    if (r == 0)
        r = keyring_open(path, &world.keyring, &err);
    (void)snprintf(path, sizeof(path), "%s/db", world.dir);
    o.path = path;
    if (r < 0 || meta_sqlite_open(&o, &world.db, &err) < 0 ||
        identity_open(world.db, world.keyring, &world.id, &err) < 0 ||
        identity_ensure_account(world.id, "000000000000", &err) < 0 ||
        identity_user_add(world.id, "000000000000", "ann", PRINCIPAL_ADMIN, NULL, &p, &key, &err) <
            0) {
        fprintf(stderr, "cannot make a directory of users: %s\n", err.msg);
        abort();
    }
    struct session_options so = {.keyring = world.keyring, .identity = world.id};
    world.sessions = session_store_new(&so);
    (void)atexit(close_world);
    return 0;
}

static int secret(void *ctx SW_UNUSED, const struct sigv4_key *key, struct principal *ret,
                  char ret_secret[129], struct sw_err *err)
{
    return session_secret(world.sessions, key, ret, ret_secret, err);
}

static struct token_authority authority(void)
{
    return (struct token_authority){
        .keyring = world.keyring, .identity = world.id, .sessions = world.sessions};
}

static void check_sealed(struct sw_str inside)
{
    SW_CLEANUP(sw_buf_done) struct sw_buf sealed = SW_BUF_INIT(64 * 1024);
    struct token_authority a = authority();
    struct sw_err err = SW_ERR_INIT;
    struct principal p;
    char token[TOKEN_MAX];

    if (inside.n > SESSION_CLAIMS_MAX ||
        keyring_seal(world.keyring, "registry token", inside.p, inside.n, &sealed, &err) < 0)
        return;
    sw_base64url(sealed.p, sealed.n, token);
    int r = token_verify(&a, sw_str(token), NOW_US, &p, &err);
    assert(r == SW_EDENIED &&
           sw_streq(err.reason, "UNAUTHORIZED")); /* it does not know ann's random id */
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct sw_str text = sw_str_n((const char *)data, size);
    struct sigv4_header headers[] = {{SW_STR("Host"), SW_STR("a")},
                                     {SW_STR("X-Amz-Date"), SW_STR("20150830T123600Z")},
                                     {SW_STR("Authorization"), text}};
    struct sigv4_request req = {
        .method = SW_STR("POST"), .path = SW_STR("/"), .headers = headers, .headers_n = 3};
    const struct token_login login = {.account = "000000000000", .now_us = NOW_US};
    struct token_authority a = authority();
    struct sigv4_result res;
    struct principal p;
    struct sw_err err = SW_ERR_INIT;

    int r = token_verify_basic(&a, text, &login, &p, &err);
    assert(r == SW_EDENIED && sw_streq(err.reason, "UNAUTHORIZED"));
    sw_err_clear(&err);
    r = token_verify(&a, text, NOW_US, &p, &err);
    assert(r == SW_EDENIED && sw_streq(err.reason, "UNAUTHORIZED"));
    sw_err_clear(&err);
    r = sigv4_verify(&req, NOW_US, secret, NULL, &res, &err);
    assert(r == SW_EDENIED && err.reason);
    check_sealed(text);
    return 0;
}
