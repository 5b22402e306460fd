/* SPDX-License-Identifier: Apache-2.0 */
#include "registry/core/lifecycle_run.h"

#include <pthread.h>
#include <stdlib.h>

#include "base/buf.h"
#include "registry/core/manifest_store.h"
#include "registry/core/pulls.h"
#include "registry/core/registry_setting.h"
#include "tests/unit/registry/world.h"

#define SECOND 1000000LL
#define HOUR   (3600 * SECOND)
#define DAY    (24 * HOUR)

static int64_t now;
static int64_t clock_now(void)
{
    return now;
}

/* --- a registry whose images somebody uses ---------------------------------------------------- */

struct fixture {
    struct world w;
    struct repo *repo;
    struct image_use uses[4];
    size_t uses_n;
    int64_t stamp;
    void (*meanwhile)(struct fixture *f); /* once, while a run reads */
    int woken;
    char *expired; /* "digest/rule ..." in words of put_image() */
    char *names[20];
    char digests[20][DIGEST_STRING_MAX];
    size_t names_n;
    int failed_runs;
};

static int each(void *ctx, struct meta_tx *tx SW_UNUSED, const char *account, const char *region,
                image_use_fn fn, void *arg, struct sw_err *err SW_UNUSED)
{
    struct fixture *f = ctx;
    CHECK_EQ_STR(account, ACCOUNT);
    CHECK_EQ_STR(region, REGION);
    for (size_t i = 0; i < f->uses_n; i++)
        (void)fn(arg, &f->uses[i]);
    if (f->meanwhile) {
        void (*meanwhile)(struct fixture *) = f->meanwhile;
        f->meanwhile = NULL;
        meanwhile(f);
    }
    return 0;
}

static int stamp(void *ctx, struct meta_tx *tx SW_UNUSED, int64_t *ret,
                 struct sw_err *err SW_UNUSED)
{
    *ret = ((struct fixture *)ctx)->stamp;
    return 0;
}

static void woken(void *ctx)
{
    ((struct fixture *)ctx)->woken++;
}

static void fixture_close(struct fixture *f)
{
    for (size_t i = 0; i < f->names_n; i++)
        free(f->names[i]);
    free(f->expired);
    repo_unref(f->repo);
    world_stop(&f->w);
}
#define autofixture SW_CLEANUP(fixture_close) struct fixture

static void fixture_open(struct fixture *f)
{
    struct sw_err err = SW_ERR_INIT;
    struct repo_key key = world_key("app");
    now = 20000 * DAY;
    f->w.options.allow_sparse_manifests = true;
    f->w.options.now_us = clock_now;
    world_open(&f->w);
    CHECK_OK(repo_open_or_create(f->w.reg, &key, &f->repo, &err));
    struct lifecycle_hooks hooks = {.holders = {each, stamp, f},
                                    .delay_us = 60 * SECOND,
                                    .interval_us = HOUR,
                                    .wake = woken,
                                    .wake_ctx = f};
    registry_set_lifecycle(f->w.reg, &hooks);
}

/* Pushes a manifest, one second after the one before; its digest is remembered under its name. */
static const char *push(struct fixture *f, const char *name, const char *text, const char *tag)
{
    struct sw_err err = SW_ERR_INIT;
    struct manifest m;
    now += SECOND;
    CHECK_OK(manifest_parse(sw_str(text), SW_STR(MEDIA_OCI_INDEX), &m, &err));
    struct manifest_put put = {
        .manifest = &m, .bytes = sw_str(text), .tags = &tag, .tags_n = tag != NULL};
    digest_of(DIGEST_SHA256, text, strlen(text), &put.digest);
    CHECK_OK(manifest_put(f->w.reg, f->repo, &put, &err));
    manifest_done(&m);
    char *digest = f->digests[f->names_n];
    digest_format(&put.digest, digest);
    f->names[f->names_n++] = sw_strdup(name);
    return digest;
}

static char *plain_text(const char *name)
{
    return sw_asprintf("{\"schemaVersion\":2,\"manifests\":[],\"note\":\"%s\"}", name);
}

static const char *put_image(struct fixture *f, const char *name, const char *tag)
{
    sw_autofree char *text = plain_text(name);
    return push(f, name, text, tag);
}

static const char *put_index(struct fixture *f, const char *name, const char *tag,
                             const char *child, size_t child_bytes)
{
    sw_autofree char *text =
        sw_asprintf("{\"schemaVersion\":2,\"manifests\":[{\"mediaType\":\"" MEDIA_OCI_INDEX
                    "\",\"digest\":\"%s\",\"size\":%zu}],\"note\":\"%s\"}",
                    child, child_bytes, name);
    return push(f, name, text, tag);
}

static const char *put_referrer(struct fixture *f, const char *name, const char *subject)
{
    sw_autofree char *text =
        sw_asprintf("{\"schemaVersion\":2,\"manifests\":[],\"subject\":{\"mediaType\":"
                    "\"" MEDIA_OCI_INDEX "\",\"digest\":\"%s\",\"size\":2},\"note\":\"%s\"}",
                    subject, name);
    return push(f, name, text, NULL);
}

static const char *name_of(const struct fixture *f, const char *digest)
{
    for (size_t i = 0; i < f->names_n; i++)
        if (sw_streq(f->digests[i], digest))
            return f->names[i];
    return digest;
}

#define RULES(rules) "{\"rules\":[" rules "]}"
#define RULE(priority, selection)                                                                \
    "{\"rulePriority\":" #priority ",\"description\":\"of this test\",\"selection\":{" selection \
    "},\"action\":{\"type\":\"expire\"}}"
#define ANY_COUNT(n) \
    "\"tagStatus\":\"any\",\"countType\":\"imageCountMoreThan\",\"countNumber\":" #n
#define ANY_PULLED(n)                                                                  \
    "\"tagStatus\":\"any\",\"countType\":\"sinceImagePulled\",\"countUnit\":\"days\"," \
    "\"countNumber\":" #n

static void put_policy(struct fixture *f, const char *text)
{
    struct sw_err err = SW_ERR_INIT;
    CHECK_OK(lifecycle_put(f->w.reg, f->repo, text, &err));
}

static void note_expired(void *ctx, const struct repo_key *repo, const struct lifecycle_item *item)
{
    struct fixture *f = ctx;
    CHECK_EQ_STR(repo->name, "app");
    char *text = sw_asprintf("%s%s%s/%lld", f->expired ? f->expired : "", f->expired ? " " : "",
                             name_of(f, item->digest), (long long)item->rule);
    free(f->expired);
    f->expired = text;
}

static void note_ran(void *ctx, const struct repo_key *repo SW_UNUSED, uint64_t n SW_UNUSED,
                     const struct sw_err *err)
{
    ((struct fixture *)ctx)->failed_runs += err != NULL;
}

static int64_t work(struct fixture *f)
{
    struct sw_err err = SW_ERR_INIT;
    struct lifecycle_work_options o = {
        .now_us = now, .expired = note_expired, .ran = note_ran, .ctx = f};
    int64_t next = 0;
    free(SW_TAKE(f->expired));
    CHECK_OK(lifecycle_work(f->w.reg, &o, &next, &err));
    CHECK_EQ_INT(f->failed_runs, 0);
    return next;
}

static void check_run(struct fixture *f, const char *want)
{
    now += HOUR;
    (void)work(f);
    CHECK_EQ_STR(f->expired, want);
}

static void use(struct fixture *f, const char *tag, const char *digest, const char *holder)
{
    f->uses[f->uses_n++] = (struct image_use){ACCOUNT, REGION, "app", tag, digest, holder};
}

/* --- runs ------------------------------------------------------------------------------------- */

TEST(a_policy_runs_after_its_delay_and_then_at_its_interval)
{
    autofixture f = {0};
    struct sw_err err = SW_ERR_INIT;
    sw_autofree char *text = NULL;
    int64_t evaluated_at;
    fixture_open(&f);
    CHECK_EQ_INT(work(&f), INT64_MAX);
    (void)put_image(&f, "a", "v1");
    (void)put_image(&f, "b", "v2");
    put_policy(&f, RULES(RULE(1, ANY_COUNT(1))));
    CHECK_EQ_INT(f.woken, 1);
    int64_t put_at = now;
    CHECK_EQ_INT(work(&f), put_at + 60 * SECOND);
    CHECK_NULL(f.expired);
    CHECK_OK(lifecycle_get(f.w.reg, f.repo, &text, &evaluated_at, &err));
    CHECK_EQ_INT(evaluated_at, 0);
    now = put_at + 60 * SECOND;
    CHECK_EQ_INT(work(&f), now + HOUR);
    CHECK_EQ_STR(f.expired, "a/1");
    free(SW_TAKE(text));
    CHECK_OK(lifecycle_get(f.w.reg, f.repo, &text, &evaluated_at, &err));
    CHECK_EQ_INT(evaluated_at, now);
    check_run(&f, NULL);
    CHECK_OK(lifecycle_run_soon(f.w.reg, f.repo, &err));
    (void)put_image(&f, "c", NULL);
    (void)work(&f);
    CHECK_EQ_STR(f.expired, "b/1");
}

TEST(a_policy_can_be_read_replaced_and_deleted)
{
    autofixture f = {0};
    struct sw_err err = SW_ERR_INIT;
    sw_autofree char *text = NULL;
    int64_t at;
    fixture_open(&f);
    CHECK_ERR(lifecycle_get(f.w.reg, f.repo, &text, &at, &err), SW_ENOTFOUND,
              "LifecyclePolicyNotFoundException");
    CHECK_ERR(lifecycle_delete(f.w.reg, f.repo, &text, &at, &err), SW_ENOTFOUND,
              "LifecyclePolicyNotFoundException");
    CHECK_ERR(lifecycle_run_soon(f.w.reg, f.repo, &err), SW_ENOTFOUND,
              "LifecyclePolicyNotFoundException");
    put_policy(&f, RULES(RULE(1, ANY_COUNT(1))));
    put_policy(&f, RULES(RULE(2, ANY_COUNT(2))));
    CHECK_OK(lifecycle_delete(f.w.reg, f.repo, &text, &at, &err));
    CHECK_EQ_STR(text, RULES(RULE(2, ANY_COUNT(2))));
    now += HOUR;
    CHECK_EQ_INT(work(&f), INT64_MAX);
    put_policy(&f, RULES(RULE(1, ANY_COUNT(1))));
    struct repo_key key = world_key("app");
    CHECK_OK(repo_delete(f.w.reg, &key, true, NULL, &err));
    CHECK_EQ_INT(work(&f), INT64_MAX);
    CHECK_ERR(lifecycle_put(f.w.reg, f.repo, "{}", &err), SW_ENOTFOUND,
              "RepositoryNotFoundException");
}

TEST(what_is_used_by_tag_or_digest_stays_until_nobody_uses_it)
{
    autofixture f = {0};
    fixture_open(&f);
    (void)put_image(&f, "a", "v1");
    const char *b = put_image(&f, "b", NULL);
    (void)put_image(&f, "c", "v3");
    (void)put_image(&f, "d", "v4");
    use(&f, "v1", NULL, "task definition app:1");
    use(&f, NULL, b, "task 7");
    put_policy(&f, RULES(RULE(1, ANY_COUNT(1))));
    check_run(&f, "c/1");
    f.uses_n = 1;
    check_run(&f, "b/1");
    f.uses[0].repository = "other";
    check_run(&f, "a/1");
}

TEST(an_index_goes_with_its_children_and_referrers)
{
    autofixture f = {0};
    fixture_open(&f);
    sw_autofree char *child_text = plain_text("child");
    const char *child = put_image(&f, "child", NULL);
    const char *index = put_index(&f, "index", "v1", child, strlen(child_text));
    (void)put_referrer(&f, "signature", index);
    char fallback[100];
    (void)snprintf(fallback, sizeof(fallback), "sha256-%s.sig", index + 7);
    (void)put_image(&f, "old-signature", fallback);
    (void)put_image(&f, "newest", "v2");
    put_policy(&f, RULES(RULE(1, ANY_COUNT(2))));
    check_run(&f, NULL);
    put_policy(&f, RULES(RULE(1, ANY_COUNT(1))));
    now += HOUR;
    (void)work(&f);
    CHECK_CONTAINS(f.expired, "index/1");
    CHECK(strncmp(f.expired, "index/1 ", 8) == 0);
    CHECK_CONTAINS(f.expired, "child/1");
    CHECK_CONTAINS(f.expired, " signature/1");
    CHECK_CONTAINS(f.expired, "old-signature/1");
    struct reference ref;
    struct sw_err err = SW_ERR_INIT;
    struct stored_manifest *m;
    CHECK_OK(reference_parse(sw_str(child), &ref, &err));
    CHECK_ERR(manifest_get(f.w.reg, f.repo, &ref, &m, &err), SW_ENOTFOUND, "MANIFEST_UNKNOWN");
}

/* --- what happens while a run decides --------------------------------------------------------- */

static void *retag(void *arg)
{
    (void)put_image(arg, "a", "stable");
    return NULL;
}

static void run_beside(struct fixture *f, void *(*fn)(void *))
{
    pthread_t t;
    CHECK_EQ_INT(pthread_create(&t, NULL, fn, f), 0);
    CHECK_EQ_INT(pthread_join(t, NULL), 0);
}

static void retag_meanwhile(struct fixture *f)
{
    run_beside(f, retag);
}

TEST(an_image_that_is_tagged_meanwhile_stays)
{
    autofixture f = {0};
    fixture_open(&f);
    (void)put_image(&f, "a", NULL);
    (void)put_image(&f, "b", NULL);
    (void)put_image(&f, "c", "v3");
    f.meanwhile = retag_meanwhile;
    put_policy(&f, RULES(RULE(1, ANY_COUNT(1))));
    check_run(&f, "b/1");
}

static void *new_index(void *arg)
{
    struct fixture *f = arg;
    sw_autofree char *text = plain_text("a");
    (void)put_index(f, "index", "v9", f->digests[0], strlen(text));
    return NULL;
}

static void index_meanwhile(struct fixture *f)
{
    run_beside(f, new_index);
}

TEST(an_image_that_an_index_needs_meanwhile_stays)
{
    autofixture f = {0};
    fixture_open(&f);
    (void)put_image(&f, "a", NULL);
    (void)put_image(&f, "b", NULL);
    (void)put_image(&f, "c", "v3");
    f.meanwhile = index_meanwhile;
    put_policy(&f, RULES(RULE(1, ANY_COUNT(1))));
    check_run(&f, "b/1");
}

static void use_meanwhile(struct fixture *f)
{
    use(f, "v1", NULL, "task definition app:2");
    f->stamp++;
}

TEST(an_image_that_is_used_meanwhile_stays)
{
    autofixture f = {0};
    fixture_open(&f);
    (void)put_image(&f, "a", "v1");
    (void)put_image(&f, "b", "v2");
    f.meanwhile = use_meanwhile;
    put_policy(&f, RULES(RULE(1, ANY_COUNT(1))));
    check_run(&f, NULL);
    check_run(&f, NULL);
}

static void *replace(void *arg)
{
    put_policy(arg, RULES(RULE(5, ANY_COUNT(2))));
    return NULL;
}

static void replace_meanwhile(struct fixture *f)
{
    run_beside(f, replace);
}

TEST(a_policy_that_is_replaced_meanwhile_does_nothing_more)
{
    autofixture f = {0};
    fixture_open(&f);
    (void)put_image(&f, "a", "v1");
    (void)put_image(&f, "b", "v2");
    (void)put_image(&f, "c", "v3");
    f.meanwhile = replace_meanwhile;
    put_policy(&f, RULES(RULE(1, ANY_COUNT(1))));
    check_run(&f, "a/5");
}

/* --- evaluation and previews ------------------------------------------------------------------ */

struct said {
    struct fixture *f;
    struct sw_buf text;
};

static int say(void *ctx, const struct lifecycle_item *item)
{
    struct said *s = ctx;
    (void)sw_buf_addf(&s->text, "%s:%d", name_of(s->f, item->digest), (int)item->why);
    for (size_t i = 0; i < item->holders_n; i++)
        (void)sw_buf_addf(&s->text, "(%s)", item->holders[i]);
    (void)sw_buf_addf(&s->text, " ");
    return 0;
}

TEST(an_evaluation_names_who_uses_what_stays)
{
    autofixture f = {0};
    struct sw_err err = SW_ERR_INIT;
    struct said s = {&f, SW_BUF_INIT(1000)};
    struct lifecycle_counts counts;
    fixture_open(&f);
    sw_autofree char *child_text = plain_text("child");
    const char *child = put_image(&f, "child", NULL);
    (void)put_index(&f, "index", "v1", child, strlen(child_text));
    (void)put_image(&f, "a", "v2");
    (void)put_image(&f, "b", "v3");
    use(&f, NULL, child, "task 7");
    use(&f, NULL, child, "task 8");
    use(&f, NULL, child, "task 8");
    CHECK_ERR(lifecycle_evaluate(f.w.reg, f.repo, NULL, say, &s, &counts, &err), SW_ENOTFOUND,
              "LifecyclePolicyNotFoundException");
    sw_err_clear(&err);
    CHECK_OK(
        lifecycle_evaluate(f.w.reg, f.repo, RULES(RULE(1, ANY_COUNT(1))), say, &s, &counts, &err));
    CHECK_EQ_STR(s.text.p, "a:1 index:4(task 7)(task 8) ");
    CHECK_EQ_UINT(counts.images, 4);
    CHECK_EQ_UINT(counts.expiring, 1);
    CHECK_EQ_UINT(counts.held, 1);
    sw_buf_done(&s.text);
}

struct page {
    struct fixture *f;
    char text[400];
    int64_t last;
};

static void add_to_page(void *ctx, const struct lifecycle_preview_image *image)
{
    struct page *p = ctx;
    if (!image) {
        p->text[0] = 0;
        return;
    }
    size_t n = strlen(p->text);
    (void)snprintf(p->text + n, sizeof(p->text) - n, "%s%s%s", n ? " " : "",
                   name_of(p->f, image->digest), image->tags);
    p->last = image->position;
}

static void check_preview(struct fixture *f, struct lifecycle_preview_query q, const char *status,
                          const char *images)
{
    struct sw_err err = SW_ERR_INIT;
    struct lifecycle_preview p;
    struct page page = {.f = f};
    q.fn = add_to_page;
    q.ctx = &page;
    CHECK_OK(lifecycle_preview_read(f->w.reg, f->repo, &q, &p, &err));
    CHECK_EQ_STR(p.status, status);
    CHECK_EQ_STR(page.text, images);
    lifecycle_preview_done(&p);
}

TEST(a_preview_is_computed_paged_and_grows_old)
{
    autofixture f = {0};
    struct sw_err err = SW_ERR_INIT;
    struct lifecycle_preview p;
    struct lifecycle_preview_query all = {.after = -1, .n = 10, .fn = add_to_page};
    sw_autofree char *text = NULL;
    fixture_open(&f);
    const char *a = put_image(&f, "a", "v1");
    (void)put_image(&f, "b", NULL);
    (void)put_image(&f, "c", "v3");
    CHECK_ERR(lifecycle_preview_read(
                  f.w.reg, f.repo,
                  &(struct lifecycle_preview_query){.fn = add_to_page, .ctx = &(struct page){0}},
                  &p, &err),
              SW_ENOTFOUND, "LifecyclePolicyPreviewNotFoundException");
    sw_err_clear(&err);
    CHECK_ERR(lifecycle_preview_start(f.w.reg, f.repo, NULL, &text, &err), SW_ENOTFOUND,
              "LifecyclePolicyNotFoundException");
    sw_err_clear(&err);
    CHECK_OK(lifecycle_preview_start(f.w.reg, f.repo, RULES(RULE(1, ANY_COUNT(1))), &text, &err));
    CHECK_EQ_INT(f.woken, 1);
    char *none = NULL;
    CHECK_ERR(lifecycle_preview_start(f.w.reg, f.repo, text, &none, &err), SW_ECONFLICT,
              "LifecyclePolicyPreviewInProgressException");
    check_preview(&f, all, "IN_PROGRESS", "");
    (void)work(&f);
    CHECK_NULL(f.expired);
    check_preview(&f, all, "COMPLETE", "a[\"v1\"] b[]");
    check_preview(&f, (struct lifecycle_preview_query){.after = 0, .n = 1}, "COMPLETE", "b[]");
    check_preview(&f, (struct lifecycle_preview_query){.after = -1, .n = 9, .digest = a},
                  "COMPLETE", "a[\"v1\"]");
    all.tags = LIFECYCLE_PREVIEW_TAGGED;
    check_preview(&f, all, "COMPLETE", "a[\"v1\"]");
    all.tags = LIFECYCLE_PREVIEW_UNTAGGED;
    check_preview(&f, all, "COMPLETE", "b[]");
    now += LIFECYCLE_PREVIEW_KEEP_US + SECOND;
    check_preview(&f, all, "EXPIRED", "");
    (void)work(&f);
    check_preview(&f, all, "EXPIRED", "");
}

static int damage(struct meta_tx *tx, void *arg SW_UNUSED, struct sw_err *err)
{
    int r = meta_exec(tx, err, NULL, "UPDATE lifecycle_policy SET policy = '{'", "");
    return r < 0 ? r : meta_exec(tx, err, NULL, "UPDATE lifecycle_preview SET policy = '{'", "");
}

TEST(what_cannot_be_evaluated_fails_alone_and_is_tried_again_later)
{
    autofixture f = {0};
    struct sw_err err = SW_ERR_INIT;
    struct lifecycle_work_options o = {.ran = note_ran, .ctx = &f};
    sw_autofree char *text = NULL;
    int64_t next;
    fixture_open(&f);
    (void)put_image(&f, "a", "v1");
    put_policy(&f, RULES(RULE(1, ANY_COUNT(1))));
    CHECK_OK(lifecycle_preview_start(f.w.reg, f.repo, NULL, &text, &err));
    CHECK_OK(meta_tx(f.w.db, META_WRITE, damage, NULL, &err));
    o.now_us = now += HOUR;
    CHECK_ERR(lifecycle_work(f.w.reg, &o, &next, &err), SW_EINVALID, "InvalidParameterException");
    check_preview(&f, (struct lifecycle_preview_query){.after = -1, .n = 1}, "FAILED", "");
    sw_err_clear(&err);
    CHECK_OK(lifecycle_work(f.w.reg, &o, &next, &err));
    CHECK_EQ_INT(f.failed_runs, 1);
    CHECK_EQ_INT(next, now + 300 * SECOND);
}

TEST(a_restart_forgets_neither_policies_nor_previews)
{
    autofixture f = {0};
    struct sw_err err = SW_ERR_INIT;
    sw_autofree char *text = NULL;
    fixture_open(&f);
    (void)put_image(&f, "a", "v1");
    (void)put_image(&f, "b", "v2");
    put_policy(&f, RULES(RULE(1, ANY_COUNT(1))));
    CHECK_OK(lifecycle_preview_start(f.w.reg, f.repo, NULL, &text, &err));
    repo_unref(SW_TAKE(f.repo));
    world_stop(&f.w);
    int64_t then = now;
    fixture_open(&f);
    now = then;
    (void)work(&f);
    CHECK_NULL(f.expired);
    check_preview(&f, (struct lifecycle_preview_query){.after = -1, .n = 9}, "COMPLETE",
                  "a[\"v1\"]");
    check_run(&f, "a/1");
}

/* --- pulls ------------------------------------------------------------------------------------ */

static int64_t pulled_at(struct fixture *f, const char *tag)
{
    struct sw_err err = SW_ERR_INIT;
    struct reference ref;
    struct image_info info;
    CHECK_OK(reference_parse(sw_str(tag), &ref, &err));
    CHECK_OK(image_describe(f->w.reg, f->repo, &ref, &info, &err));
    int64_t at = info.pulled_at_us;
    image_info_done(&info);
    return at;
}

static void pull_as(struct fixture *f, const char *tag, const char *arn, const char *role_arn)
{
    struct principal who = {0};
    (void)snprintf(who.arn, sizeof(who.arn), "%s", arn);
    (void)snprintf(who.role_arn, sizeof(who.role_arn), "%s", role_arn);
    struct sw_err err = SW_ERR_INIT;
    struct reference ref;
    struct stored_manifest *m;
    CHECK_OK(reference_parse(sw_str(tag), &ref, &err));
    CHECK_OK(manifest_get(f->w.reg, f->repo, &ref, &m, &err));
    pull_note(f->w.reg, f->repo, m, &who);
    stored_manifest_unref(m);
}

static void pull(struct fixture *f, const char *tag)
{
    pull_as(f, tag, "arn:aws:iam::" ACCOUNT ":user/u", "");
}

TEST(pulls_are_written_together_and_keep_images)
{
    autofixture f = {0};
    struct sw_err err = SW_ERR_INIT;
    fixture_open(&f);
    (void)put_image(&f, "a", "v1");
    (void)put_image(&f, "b", "v2");
    CHECK_EQ_INT(pulled_at(&f, "v1"), 0);
    now += 20 * DAY;
    pull(&f, "v1");
    CHECK_EQ_INT(pulled_at(&f, "v1"), 0);
    CHECK_OK(pulls_flush(f.w.reg, &err));
    int64_t first = now;
    CHECK_EQ_INT(pulled_at(&f, "v1"), first);
    now += SECOND; /* too soon for another row */
    pull(&f, "v1");
    CHECK_OK(pulls_flush(f.w.reg, &err));
    CHECK_EQ_INT(pulled_at(&f, "v1"), first);
    now += PULLS_EVERY_US;
    pull(&f, "v1"); /* a run sees it without a flush */
    put_policy(&f, RULES(RULE(1, ANY_PULLED(10))));
    check_run(&f, "b/1");
    CHECK_EQ_INT(pulled_at(&f, "v1"), first + SECOND + PULLS_EVERY_US);
}

TEST(pulls_of_principals_with_an_exclusion_leave_no_time)
{
    static const char role[] = "arn:aws:iam::" ACCOUNT ":role/scanner";
    static const char user[] = "arn:aws:iam::" ACCOUNT ":user/scanner";
    autofixture f = {0};
    struct sw_err err = SW_ERR_INIT;
    struct registry_key key = {ACCOUNT, REGION}, elsewhere = {ACCOUNT, "eu-west-1"};
    bool existed;
    fixture_open(&f);
    (void)put_image(&f, "a", "v1");
    now += DAY;
    sw_autofree char *role_name = sw_asprintf("%s%s", PULL_EXCLUSION_PREFIX, role);
    sw_autofree char *user_name = sw_asprintf("%s%s", PULL_EXCLUSION_PREFIX, user);
    CHECK_OK(registry_setting_put(f.w.reg, &key, role_name, "", NULL, &err));
    CHECK_OK(registry_setting_put(f.w.reg, &elsewhere, user_name, "", NULL, &err));
    CHECK_OK(pulls_load_exclusions(f.w.reg, &err));
    pull_as(&f, "v1", "arn:aws:sts::" ACCOUNT ":assumed-role/scanner/s", role);
    CHECK_OK(pulls_flush(f.w.reg, &err));
    CHECK_EQ_INT(pulled_at(&f, "v1"), 0);
    pull_as(&f, "v1", user, "");
    CHECK_OK(pulls_flush(f.w.reg, &err));
    CHECK_EQ_INT(pulled_at(&f, "v1"), now);
    CHECK_OK(registry_setting_delete(f.w.reg, &key, role_name, &existed, &err));
    CHECK_OK(pulls_load_exclusions(f.w.reg, &err));
    now += DAY;
    pull_as(&f, "v1", "arn:aws:sts::" ACCOUNT ":assumed-role/scanner/s", role);
    CHECK_OK(pulls_flush(f.w.reg, &err));
    CHECK_EQ_INT(pulled_at(&f, "v1"), now);
}

TEST(a_pull_of_what_is_gone_is_forgotten)
{
    autofixture f = {0};
    struct sw_err err = SW_ERR_INIT;
    enum image_delete_result result;
    struct image_info info;
    fixture_open(&f);
    (void)put_image(&f, "a", "v1");
    pull(&f, "v1");
    CHECK_OK(image_delete(f.w.reg, f.repo, NULL, "v1", &result, &info, &err));
    image_info_done(&info);
    CHECK_OK(pulls_flush(f.w.reg, &err));
    (void)put_image(&f, "a", "v1");
    CHECK_EQ_INT(pulled_at(&f, "v1"), 0);
}

/* --- size ------------------------------------------------------------------------------------- */

#define MANY 50000

static int insert_many(struct meta_tx *tx, void *arg SW_UNUSED, struct sw_err *err)
{
    int64_t id = 0;
    int r = meta_get(tx, err, "SELECT id FROM repository WHERE name = 'app'", "", "i", &id);
    for (int i = 0; i < MANY && r >= 0; i++) {
        char digest[DIGEST_STRING_MAX], tag[32];
        struct digest d;
        digest_of(DIGEST_SHA256, &i, sizeof(i), &d);
        digest_format(&d, digest);
        (void)snprintf(tag, sizeof(tag), "build-%d", i);
        r = meta_exec(tx, err, NULL,
                      "INSERT INTO manifest (repository_id, digest, media_type, size, image_size, "
                      "content, pushed_at) VALUES ($1, $2, $3, 600, 600, $4, $5)",
                      "ittbi", id, digest, MEDIA_OCI_IMAGE, (const char[600]){""}, (size_t)600,
                      (int64_t)i);
        if (r == 0 && i % 2)
            r = meta_exec(tx, err, NULL,
                          "INSERT INTO tag (repository_id, name, digest, updated_at) "
                          "VALUES ($1, $2, $3, 0)",
                          "itt", id, tag, digest);
    }
    return r < 0 ? r : 0;
}

static int count_item(void *ctx, const struct lifecycle_item *item SW_UNUSED)
{
    ++*(size_t *)ctx;
    return 0;
}

TEST(fifty_thousand_rows_take_little_time)
{
    autofixture f = {0};
    struct sw_err err = SW_ERR_INIT;
    struct lifecycle_counts counts;
    size_t n = 0;
    fixture_open(&f);
    CHECK_OK(meta_tx(f.w.db, META_WRITE, insert_many, NULL, &err));
    int64_t start = sw_mono_ms();
    CHECK_OK(lifecycle_evaluate(f.w.reg, f.repo, RULES(RULE(1, ANY_COUNT(100))), count_item, &n,
                                &counts, &err));
    int64_t took = sw_mono_ms() - start;
    CHECK_EQ_UINT(n, MANY - 100);
    start = sw_mono_ms();
    put_policy(&f, RULES(RULE(1, ANY_COUNT(49900))));
    now += HOUR;
    (void)work(&f);
    CHECK_OK(lifecycle_evaluate(f.w.reg, f.repo, NULL, count_item, &n, &counts, &err));
    CHECK_EQ_UINT(counts.images, MANY - 100);
    printf("# %d images: evaluated in %lld ms, 100 expired in %lld ms\n", MANY, (long long)took,
           (long long)(sw_mono_ms() - start));
    CHECK(took < 200000);
}
