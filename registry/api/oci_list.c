/* SPDX-License-Identifier: Apache-2.0 */
/* registry/api/oci_list.c - tag lists, the catalog and referrers: pages in byte order, the next one in a Link header. */
#include <inttypes.h>

#include "base/alloc.h"
#include "base/json.h"
#include "base/macros.h"
#include "registry/api/oci_internal.h"
#include "registry/core/tag_store.h"

#define CATALOG_PAGE_MAX   10000
#define CATALOG_CHUNK      200
#define CATALOG_SEEN_MAX   20000  /* names that one answer looks at */
#define TAGS_PAGE_MAX      100000 /* also when the client names no page size */
#define REFERRERS_MAX      1000
#define REFERRERS_BYTES    (3u * 1024 * 1024) /* clients stop reading an index at 4 MiB */
#define LIST_BYTES         (64u * 1024 * 1024)
#define ARTIFACT_TYPES_MAX 20

/* Names of one page, one more than fits to know whether there is a next. */
struct page {
    int64_t n;
    struct sw_buf json; /* the elements */
    size_t count;
    char last[REPO_NAME_MAX + 1];
    bool more;
};

static int page_add(struct page *page, const char *name)
{
    if (!name) {
        sw_buf_reset(&page->json);
        page->count = 0;
        page->more = false;
        return 0;
    }
    if (page->count == (size_t)page->n) {
        page->more = page->n > 0;
        return 1;
    }
    if (page->count++)
        (void)sw_buf_add_char(&page->json, ',');
    (void)sw_buf_add_json_string(&page->json, sw_str(name));
    (void)sw_str_copy(sw_str(name), page->last, sizeof(page->last));
    return 0;
}

static int page_begin(const struct http_req *req, int64_t max, struct page *page, char *last,
                      size_t cap, struct sw_err *err)
{
    *page = (struct page){.json = SW_BUF_INIT(LIST_BYTES)};
    last[0] = 0;
    int r = oci_page_size(req, max, &page->n, err);
    if (r < 0)
        return r;
    r = http_req_query(req, "last", last, cap, err);
    return r < 0 ? r : 0;
}

/* head: the JSON text before the elements. Ends the page. */
static int page_answer(struct page *page, struct sw_buf *head, const char *path,
                       struct http_res *res, struct sw_err *err)
{
    (void)sw_buf_add_str(head, sw_buf_str(&page->json));
    (void)sw_buf_add_z(head, "]}");
    int r = sw_buf_check(&page->json, "RequestEntityTooLarge", err);
    if (r == 0)
        r = sw_buf_check(head, "RequestEntityTooLarge", err);
    if (r < 0)
        return r;
    if (page->more) {
        struct sw_buf last = SW_BUF_INIT(4096);
        (void)sw_buf_add_uri(&last, sw_str(page->last), false);
        http_res_set(res, "Link", "<%s?n=%" PRId64 "&last=%s>; rel=\"next\"", path, page->n,
                     last.p);
        sw_buf_done(&last);
    }
    http_res_set(res, "Content-Type", "application/json");
    http_res_take(res, head);
    return 0;
}

static int on_tag(void *ctx, const char *tag)
{
    return page_add(ctx, tag);
}

static int tags_run(struct oci_call *c, struct http_res *res, struct sw_err *err)
{
    char last[512], path[REPO_NAME_MAX + 32];
    struct page page;
    struct sw_buf out = SW_BUF_INIT(LIST_BYTES + 4096);
    snprintf(path, sizeof(path), "/v2/%s/tags/list", c->route.name);
    int r = page_begin(c->req, TAGS_PAGE_MAX, &page, last, sizeof(last), err);
    if (r == 0)
        r = tag_list(c->api->o.registry, c->repo, last, page.n + 1, on_tag, &page, err);
    if (r == 0) {
        (void)sw_buf_addf(&out, "{\"name\":\"%s\",\"tags\":[", c->route.name);
        r = page_answer(&page, &out, path, res, err);
    }
    sw_buf_done(&page.json);
    sw_buf_done(&out);
    return r;
}

enum http_begin oci_tags_get(struct oci_call *c, struct http_plan *p,
                             struct http_res *res SW_UNUSED, struct sw_err *err)
{
    if (oci_open_repo(c, false, err) < 0)
        return HTTP_ANSWER;
    return oci_go(c, p, HTTP_BODY_NONE, 0, tags_run);
}

/* Some names of the catalog, in order. */
struct names {
    char name[CATALOG_CHUNK][REPO_NAME_MAX + 1];
    size_t n;
};

static int on_repo(void *ctx, const struct repo_info *info)
{
    struct names *names = ctx;
    if (!info)
        names->n = 0;
    else if (names->n < CATALOG_CHUNK)
        (void)sw_str_copy(sw_str(info->name), names->name[names->n++], REPO_NAME_MAX + 1);
    return 0;
}

static bool may_see(const struct oci_call *c, const char *name)
{
    return oci_allows(c, "ecr:DescribeRepositories", name) ||
           oci_allows(c, "ecr:BatchGetImage", name);
}

/* Looks at a bounded number of names for one answer. A page that could not be filled with them says where the next one starts. */
static int catalog_fill(struct oci_call *c, struct page *page, const char *last, struct sw_err *err)
{
    sw_autofree struct names *names = sw_calloc(1, sizeof(*names));
    char at[512];
    size_t seen = 0;
    int r = 0;
    (void)sw_str_copy(sw_str(last), at, sizeof(at));
    (void)page_add(page, NULL);
    do {
        r = repo_list(c->api->o.registry, c->account, c->region, at, CATALOG_CHUNK, on_repo, names,
                      err);
        for (size_t i = 0; r == 0 && i < names->n; i++) {
            if (may_see(c, names->name[i]) && page_add(page, names->name[i]) != 0)
                return 0;
        }
        seen += names->n;
        if (names->n > 0)
            (void)sw_str_copy(sw_str(names->name[names->n - 1]), at, sizeof(at));
    } while (r == 0 && names->n == CATALOG_CHUNK && seen < CATALOG_SEEN_MAX);
    if (r == 0 && names->n == CATALOG_CHUNK) {
        page->more = page->n > 0;
        (void)sw_str_copy(sw_str(at), page->last, sizeof(page->last));
    }
    return r;
}

static int catalog_run(struct oci_call *c, struct http_res *res, struct sw_err *err)
{
    char last[512];
    struct page page;
    struct sw_buf out = SW_BUF_INIT(LIST_BYTES + 4096);
    int r = page_begin(c->req, CATALOG_PAGE_MAX, &page, last, sizeof(last), err);
    if (r == 0)
        r = catalog_fill(c, &page, last, err);
    if (r == 0) {
        (void)sw_buf_add_z(&out, "{\"repositories\":[");
        r = page_answer(&page, &out, "/v2/_catalog", res, err);
    }
    sw_buf_done(&page.json);
    sw_buf_done(&out);
    return r;
}

enum http_begin oci_catalog_get(struct oci_call *c, struct http_plan *p,
                                struct http_res *res SW_UNUSED, struct sw_err *err SW_UNUSED)
{
    return oci_go(c, p, HTTP_BODY_NONE, 0, catalog_run);
}

struct referrers {
    char types[ARTIFACT_TYPES_MAX][256];
    size_t types_n;
    struct sw_buf json; /* the elements */
    size_t seen;
    char last[DIGEST_STRING_MAX];
    bool more;
};

static bool wanted(const struct referrers *l, const struct referrer *r)
{
    for (size_t i = 0; i < l->types_n; i++)
        if (sw_streq(l->types[i], r->artifact_type))
            return true;
    return l->types_n == 0;
}

static void add_member(struct sw_buf *out, const char *name, const char *value)
{
    (void)sw_buf_addf(out, ",\"%s\":", name);
    (void)sw_buf_add_json_string(out, sw_str(value));
}

static void add_referrer(struct sw_buf *out, const struct referrer *r)
{
    if (out->n > 0)
        (void)sw_buf_add_char(out, ',');
    (void)sw_buf_addf(out, "{\"mediaType\":\"%s\",\"digest\":\"%s\",\"size\":%" PRId64,
                      r->media_type, r->digest, r->size);
    if (r->artifact_type)
        add_member(out, "artifactType", r->artifact_type);
    if (r->annotations)
        (void)sw_buf_addf(out, ",\"annotations\":%s", r->annotations);
    (void)sw_buf_add_char(out, '}');
}

/* A page has one element, or as many as fit: both what is searched and what is answered are bounded. */
static int on_referrer(void *ctx, const struct referrer *r)
{
    struct referrers *l = ctx;
    if (!r) {
        sw_buf_reset(&l->json);
        l->seen = 0;
        l->more = false;
        return 0;
    }
    size_t before = l->json.n;
    l->more = l->seen == REFERRERS_MAX;
    if (!l->more && wanted(l, r)) {
        add_referrer(&l->json, r);
        l->more = before > 0 && l->json.n > REFERRERS_BYTES;
        if (l->more)
            sw_buf_cut(&l->json, before);
    }
    if (l->more)
        return 1;
    l->seen++;
    (void)sw_str_copy(sw_str(r->digest), l->last, sizeof(l->last));
    return 0;
}

static int read_types(const struct http_req *req, struct referrers *l, struct sw_err *err)
{
    for (;;) {
        if (l->types_n == ARTIFACT_TYPES_MAX)
            return sw_fail(err, SW_ELIMIT, "QUERY_INVALID", "at most %d artifact types",
                           ARTIFACT_TYPES_MAX - 1);
        int r = http_req_query_at(req, "artifactType", l->types_n, l->types[l->types_n],
                                  sizeof(l->types[0]), err);
        if (r <= 0)
            return r;
        l->types_n++;
    }
}

static void referrers_link(const struct oci_call *c, const struct referrers *l,
                           struct http_res *res)
{
    struct sw_buf query = SW_BUF_INIT(64 * 1024);
    (void)sw_buf_add_z(&query, "last=");
    (void)sw_buf_add_uri(&query, sw_str(l->last), false);
    for (size_t i = 0; i < l->types_n; i++) {
        (void)sw_buf_add_z(&query, "&artifactType=");
        (void)sw_buf_add_uri(&query, sw_str(l->types[i]), false);
    }
    http_res_set(res, "Link", "</v2/%s/referrers/%s?%s>; rel=\"next\"", c->route.name,
                 c->route.reference, query.p);
    sw_buf_done(&query);
}

static int referrers_list(struct oci_call *c, struct referrers *l, struct http_res *res,
                          struct sw_err *err)
{
    char last[200] = "";
    int r = read_types(c->req, l, err);
    if (r == 0)
        r = http_req_query(c->req, "last", last, sizeof(last), err);
    if (r >= 0 && c->repo)
        r = manifest_referrers(c->api->o.registry, c->repo, &c->digest, last, REFERRERS_MAX + 1,
                               on_referrer, l, err);
    if (r >= 0)
        r = sw_buf_check(&l->json, "RequestEntityTooLarge", err);
    if (r < 0)
        return r;
    struct sw_buf out = SW_BUF_INIT(l->json.n + 1024);
    (void)sw_buf_addf(&out, "{\"schemaVersion\":2,\"mediaType\":\"%s\",\"manifests\":[",
                      MEDIA_OCI_INDEX);
    (void)sw_buf_add_str(&out, sw_buf_str(&l->json));
    (void)sw_buf_add_z(&out, "]}");
    if (l->types_n)
        http_res_set(res, "OCI-Filters-Applied", "artifactType");
    if (l->more)
        referrers_link(c, l, res);
    http_res_set(res, "Content-Type", "%s", MEDIA_OCI_INDEX);
    http_res_take(res, &out);
    sw_buf_done(&out);
    return 0;
}

static int referrers_run(struct oci_call *c, struct http_res *res, struct sw_err *err)
{
    struct referrers *l = SW_NEW(struct referrers);
    l->json = (struct sw_buf)SW_BUF_INIT(LIST_BYTES);
    int r = referrers_list(c, l, res, err);
    sw_buf_done(&l->json);
    free(l);
    return r;
}

/* Nothing refers to what is not there: an empty index, also for a repository that does not exist. */
enum http_begin oci_referrers_get(struct oci_call *c, struct http_plan *p,
                                  struct http_res *res SW_UNUSED, struct sw_err *err)
{
    if (!digest_parse(sw_str(c->route.reference), &c->digest)) {
        sw_fail(err, SW_EINVALID, "DIGEST_INVALID", "invalid digest");
        return HTTP_ANSWER;
    }
    int r = oci_open_repo(c, false, err);
    if (r < 0 && r != SW_ENOTFOUND)
        return HTTP_ANSWER;
    sw_err_clear(err);
    return oci_go(c, p, HTTP_BODY_NONE, 0, referrers_run);
}
