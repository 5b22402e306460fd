/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz-deps: registry/api registry/core api auth storage/blob storage/meta base */
/* Input: up to eight requests of an authenticated caller to /v2/, each "METHOD TARGET\nName:value\n...\n\nbody", with a NUL between
 * them. A target that begins with ~ goes on with the Location of an earlier answer, so uploads can be continued. A header X-Stop makes
 * the peer vanish in the middle of the body.
 * Properties: no answer is a fault of the server; every refusal but that of a HEAD is the protocol's JSON; no header that is sent
 * contains a control character; a file that is sent has the length that was announced. */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "auth/identity.h"
#include "auth/token.h"
#include "base/alloc.h"
#include "base/clock.h"
#include "base/encode.h"
#include "base/io.h"
#include "base/json.h"
#include "base/log.h"
#include "base/macros.h"
#include "registry/api/oci.h"
#include "registry/core/repo_store.h"

#define ACCOUNT      "000000000000"
#define REQUESTS_MAX 8
#define HEADERS_MAX  20
#define FRESH_AFTER \
    1000 /* inputs; then everything begins anew, so that what is found can be found again */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerInitialize(int *argc, char ***argv);

static struct world {
    char dir[64];
    struct keyring *keyring;
    struct meta_db *db;
    struct blob_store *blobs;
    struct identity *identity;
    struct registry *reg;
    struct oci_api *api;
    struct http_service service;
    char authorization[2 * TOKEN_MAX + 16];
    char location[1024];
} world;

static void world_close(void)
{
    struct sw_err err = SW_ERR_INIT;
    oci_api_free(world.api);
    registry_free(world.reg);
    identity_free(world.identity);
    blob_store_free(world.blobs);
    meta_db_free(world.db);
    keyring_free(world.keyring);
    (void)sw_remove_tree(world.dir, &err);
    world = (struct world){.dir = ""};
}

static int open_stores(struct sw_err *err)
{
    sw_autofree char *key = sw_asprintf("%s/key", world.dir);
    sw_autofree char *rows = sw_asprintf("%s/db", world.dir);
    sw_autofree char *blobs = sw_asprintf("%s/blobs", world.dir);
    struct meta_options o = {.path = rows};
    int r = keyring_open(key, &world.keyring, err);
    if (r == 0)
        r = meta_sqlite_open(&o, &world.db, err);
    if (r == 0)
        r = blob_fs_open(blobs, &world.blobs, err);
    return r;
}

static int log_in(struct sw_err *err)
{
    const struct token_authority a = {.keyring = world.keyring, .identity = world.identity};
    char token[TOKEN_MAX], pair[TOKEN_MAX + 8], encoded[2 * TOKEN_MAX];
    struct principal p;
    struct identity_key key;
    int64_t expires;
    int r = identity_user_add(world.identity, ACCOUNT, "ann", PRINCIPAL_ADMIN, NULL, &p, &key, err);
    if (r < 0)
        return r;
    (void)snprintf(p.access_key_id, sizeof(p.access_key_id), "%s", key.access_key_id);
    r = token_issue(&a, &p, sw_now_us(), TOKEN_TTL_S, token, &expires, err);
    int n = snprintf(pair, sizeof(pair), "AWS:%s", r < 0 ? "" : token);
    sw_base64(pair, (size_t)n, encoded);
    (void)snprintf(world.authorization, sizeof(world.authorization), "Basic %s", encoded);
    return r;
}

static int open_registry(struct sw_err *err)
{
    struct repo_key sparse = {ACCOUNT, "us-east-1", "sparse"};
    struct registry_options o = {.db = world.db,
                                 .blobs = world.blobs,
                                 .keyring = world.keyring,
                                 .create_on_push = true,
                                 .cache_bytes = 1 << 20};
    int r = identity_open(world.db, world.keyring, &world.identity, err);
    if (r == 0)
        r = identity_ensure_account(world.identity, ACCOUNT, err);
    if (r == 0)
        r = log_in(err);
    if (r == 0)
        r = registry_open(&o, &world.reg, err);
    if (r == 0)
        r = repo_create(world.reg, &sparse, false, "{\"allowSparseManifests\":true}", NULL, err);
    return r;
}

static void world_open(void)
{
    struct sw_err err = SW_ERR_INIT;
    struct stat st;
    bool memory = stat("/dev/shm", &st) == 0 && S_ISDIR(st.st_mode);
    (void)snprintf(world.dir, sizeof(world.dir), "%s/fuzz-oci-XXXXXX",
                   memory ? "/dev/shm" : "/tmp");
    int r = sw_make_temp_dir(world.dir, &err);
    if (r == 0)
        r = open_stores(&err);
    if (r == 0)
        r = open_registry(&err);
    if (r < 0) {
        fprintf(stderr, "cannot make a registry: %s\n", err.msg);
        abort();
    }
    world.api = oci_api_new(&(struct oci_api_options){.registry = world.reg,
                                                      .keyring = world.keyring,
                                                      .identity = world.identity,
                                                      .account = ACCOUNT,
                                                      .region = "us-east-1"});
    world.service = oci_api_service(world.api);
}

int LLVMFuzzerInitialize(int *argc SW_UNUSED, char ***argv SW_UNUSED)
{
    sw_log_set_level(SW_LOG_ERROR);
    world_open();
    (void)atexit(world_close);
    return 0;
}

/* --- the answer ------------------------------------------------------------------------------- */

static void check_answer(const struct http_req *req, const struct http_res *res)
{
    struct sw_err err = SW_ERR_INIT;
    struct stat st;
    assert(res->status >= 200 && res->status < 500);
    for (size_t i = 0; i < res->headers_n; i++)
        for (const char *p = res->headers[i].value; *p; p++)
            assert((unsigned char)*p >= ' ' && *p != 127);
    if (res->kind == HTTP_RES_FILE) {
        assert(fstat(res->fd, &st) == 0);
        assert(res->offset + res->length <= (uint64_t)st.st_size);
    }
    if (res->status < 400 || req->method == HTTP_HEAD)
        return;
    sw_autojson json_t *doc = NULL;
    assert(res->kind == HTTP_RES_BYTES);
    assert(sw_json_load(sw_str_n(res->bytes, res->bytes_n), 32, 100000, NULL, &doc, &err) == 0);
    const json_t *first = json_array_get(sw_json_array(doc, "errors"), 0);
    assert(sw_json_str(first, "code", NULL) || sw_json_str(doc, "error", NULL));
}

static void note_location(const struct http_res *res)
{
    const char *location = http_res_get(res, "Location");
    if (location && strlen(location) < sizeof(world.location))
        (void)snprintf(world.location, sizeof(world.location), "%s", location);
}

/* --- a request -------------------------------------------------------------------------------- */

/* The text up to the byte, which is taken away too; all of it if there is none. */
static char *cut(char **text, char byte)
{
    char *line = *text, *end = line ? strchr(line, byte) : NULL;
    *text = end ? end + 1 : NULL;
    if (end)
        *end = 0;
    return line;
}

static void feed(struct http_plan *plan, struct http_req *req, struct sw_str body, bool vanishes,
                 struct http_res *res)
{
    struct sw_err err = SW_ERR_INIT;
    size_t n = vanishes ? body.n / 2 : body.n;
    if (plan->mode == HTTP_BODY_BUFFERED) {
        req->body = (struct sw_buf)SW_BUF_INIT(plan->body_max);
        if (body.n > plan->body_max)
            (void)sw_fail(&err, SW_ELIMIT, "RequestEntityTooLarge", "too large");
        else
            (void)sw_buf_add(&req->body, body.p, n);
    }
    for (size_t at = 0; plan->mode == HTTP_BODY_STREAM && at < n && err.code == 0; at += 100)
        (void)plan->body(plan->state, body.p + at, SW_MIN((size_t)100, n - at), &err);
    if (!vanishes) {
        assert(plan->run(plan->state, req, res, &err) == HTTP_DONE);
        check_answer(req, res);
        note_location(res);
    }
    sw_buf_done(&req->body);
    plan->free(plan->state);
}

static void ask(struct http_req *req, struct sw_str body, bool vanishes)
{
    struct http_res res;
    struct http_plan plan = {0};
    http_res_init(&res);
    if (world.service.match(world.service.ctx, req)) {
        if (world.service.begin(world.service.ctx, req, &plan, &res) == HTTP_GO)
            feed(&plan, req, body, vanishes, &res);
        else
            check_answer(req, &res);
    }
    http_res_done(&res);
}

/* The edge lets no control characters and no blanks into a target, and trims values. */
static bool target_valid(const char *target)
{
    for (const char *p = target; *p; p++)
        if ((unsigned char)*p <= ' ' || *p == 127)
            return false;
    return true;
}

static void run_request(char *text, size_t n)
{
    struct http_header headers[HEADERS_MAX + 2] = {{"Host", "localhost:5000"}};
    size_t headers_n = 1;
    bool vanishes = false, authorized = false, chunked = false;
    char *rest = text, *line = cut(&rest, '\n');
    char *target = line;
    const char *method = cut(&target, ' ');
    char whole[sizeof(world.location) + 600];
    if (!target || strlen(target) > 500)
        return;
    (void)snprintf(whole, sizeof(whole), "%s%s", *target == '~' ? world.location : "",
                   target + (*target == '~'));
    while (rest && (line = cut(&rest, '\n')) && *line && headers_n < HEADERS_MAX) {
        char *value = line;
        const char *name = cut(&value, ':');
        if (!value)
            continue;
        vanishes = vanishes || strcasecmp(name, "X-Stop") == 0;
        chunked = chunked || strcasecmp(name, "Transfer-Encoding") == 0;
        authorized = authorized || strcasecmp(name, "Authorization") == 0;
        headers[headers_n++] = (struct http_header){name, value};
    }
    if (!authorized)
        headers[headers_n++] = (struct http_header){"Authorization", world.authorization};
    struct sw_str body = rest ? sw_str_n(rest, n - (size_t)(rest - text)) : sw_str("");
    char *query = whole;
    const char *path = cut(&query, '?');
    if (*path != '/' || !target_valid(path) || (query && !target_valid(query)))
        return;
    struct http_req req = {.method = http_method_from_string(method),
                           .path = path,
                           .query = query ? query : "",
                           .headers = headers,
                           .headers_n = headers_n,
                           .content_length = chunked ? -1 : (int64_t)body.n,
                           .has_body = body.n > 0 || chunked,
                           .peer_ip = "127.0.0.1"};
    ask(&req, body, vanishes);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static unsigned inputs;
    if (++inputs % FRESH_AFTER == 0) {
        world_close();
        world_open();
    }
    sw_autofree char *text = sw_malloc(size + 1);
    if (size)
        memcpy(text, data, size);
    text[size] = 0;
    world.location[0] = 0;
    size_t at = 0;
    for (int i = 0; i < REQUESTS_MAX && at < size; i++) {
        size_t n = strlen(text + at);
        run_request(text + at, n);
        at += n + 1;
    }
    return 0;
}
