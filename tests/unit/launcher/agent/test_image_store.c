/* SPDX-License-Identifier: Apache-2.0 */
/* What goes and what stays when images are cleaned away. */
#include "launcher/agent/image_store.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/io.h"
#include "base/json.h"
#include "base/macros.h"
#include "tests/lib/test.h"

struct stage {
    struct snapshots *snapshots;
    struct image_store *store;
    char *content;
};

static void stage_open(struct stage *s)
{
    struct sw_err err = SW_ERR_INIT;
    s->content = sw_strdup(test_path("content"));
    CHECK_OK(sw_mkdirs(s->content, 0700, &err));
    CHECK_OK(snapshots_open(test_path("snapshots"), &s->snapshots, &err));
    s->store = image_store_new(s->content, s->snapshots);
}

static void stage_close(struct stage *s)
{
    image_store_free(s->store);
    snapshots_close(s->snapshots);
    free(s->content);
}

static struct digest digest_named(const char *name)
{
    struct digest d;
    digest_of(DIGEST_SHA256, name, strlen(name), &d);
    return d;
}

static const char *text_of(const char *name)
{
    static char text[4][DIGEST_STRING_MAX];
    static int at;
    struct digest d = digest_named(name);
    at = (at + 1) % 4;
    digest_format(&d, text[at]);
    return text[at];
}

static void make_snapshot(struct stage *s, const char *name)
{
    struct sw_err err = SW_ERR_INIT;
    struct digest d = digest_named(name);
    char *dir = NULL;
    if (snapshots_claim(s->snapshots, &d, &dir, &err) == 1)
        CHECK_OK(snapshots_publish(s->snapshots, &d, dir, &err));
    free(dir);
}

static bool has_snapshot(struct stage *s, const char *name)
{
    struct digest d = digest_named(name);
    return snapshots_have(s->snapshots, &d);
}

static char *document_path(struct stage *s, const char *name)
{
    char hex[129];
    struct digest d = digest_named(name);
    digest_hex(&d, hex);
    return sw_asprintf("%s/sha256-%s", s->content, hex);
}

static bool has_document(struct stage *s, const char *name)
{
    sw_autofree char *path = document_path(s, name);
    return sw_path_exists(path);
}

static void put(const char *path, const char *text)
{
    struct sw_err err = SW_ERR_INIT;
    CHECK_OK(sw_replace_file(path, text, strlen(text), 0600, &err));
}

/* An image NAME of two layers, the first of which all share. Its hold. */
static struct image_hold *pulled(struct stage *s, const char *name)
{
    char own[64];
    (void)snprintf(own, sizeof own, "layer of %s", name);
    const struct digest layers[] = {digest_named("base"), digest_named(own)};
    const struct digest documents[] = {digest_named(name)};
    sw_autofree char *path = document_path(s, name);
    sw_autofree char *tag = sw_asprintf("%s/tag-%s", s->content, name);
    struct image_hold *h = image_store_hold(s->store, layers, SW_ARRAY_LEN(layers));
    sw_autofree char *grants = sw_asprintf("%s/grants-%s", s->content, name);
    sw_autofree char *of_grants = sw_asprintf("%s\n0123\n", text_of(name));
    put(path, name);
    put(tag, text_of(name));
    put(grants, of_grants);
    make_snapshot(s, "base");
    make_snapshot(s, own);
    image_store_record(h, &documents[0], documents, 1);
    return h;
}

static void age(struct stage *s, const char *name, int64_t seconds)
{
    char hex[129];
    struct digest d = digest_named(name);
    const struct timespec t = {.tv_sec = sw_now_us() / 1000000 - seconds};
    const struct timespec times[2] = {t, t};
    digest_hex(&d, hex);
    sw_autofree char *path = sw_asprintf("%s/image-%s", s->content, hex);
    CHECK(utimensat(AT_FDCWD, path, times, 0) == 0);
}

static int clean(struct stage *s, const char *used, int64_t min_age_s, size_t images_max,
                 struct image_cleaned *ret, struct sw_err *err)
{
    sw_autojson json_t *list = used ? json_pack("[s]", text_of(used)) : json_array();
    struct image_cleanup o = {.used = list,
                              .generation = image_store_generation(s->store),
                              .min_age_s = min_age_s,
                              .images_max = images_max};
    return image_store_clean(s->store, &o, ret, err);
}

TEST(what_no_task_uses_goes)
{
    struct stage s;
    struct image_cleaned done;
    struct sw_err err = SW_ERR_INIT;
    stage_open(&s);
    image_hold_free(pulled(&s, "one"));
    image_hold_free(pulled(&s, "two"));
    make_snapshot(&s, "of nobody");
    CHECK_OK(clean(&s, "one", 3600, 5, &done, &err));
    CHECK_EQ_INT(done.images + done.snapshots + done.documents, 0); /* too young */
    CHECK_OK(clean(&s, "one", 0, 5, &done, &err));
    CHECK_EQ_INT(done.images, 1);
    CHECK_EQ_INT(done.snapshots, 2);
    CHECK_EQ_INT(done.documents, 3); /* the manifest, the tag, to whom it was given */
    CHECK(has_snapshot(&s, "base") && has_snapshot(&s, "layer of one") && has_document(&s, "one"));
    CHECK(!has_snapshot(&s, "layer of two") && !has_document(&s, "two"));
    CHECK_OK(clean(&s, NULL, 0, 5, &done, &err));
    CHECK_EQ_INT(done.images, 1);
    CHECK(!has_snapshot(&s, "base"));
    /* Nothing is left of the trees. */
    CHECK_OK(clean(&s, NULL, 0, 5, &done, &err));
    CHECK_EQ_INT(done.images + done.snapshots + done.documents, 0);
    char **names;
    CHECK_EQ_INT(snapshots_list(s.snapshots, &names), 0);
    free(names);
    stage_close(&s);
}

TEST(those_that_were_not_used_for_longest_go_first)
{
    static const char *const names[] = {"a", "b", "c"};
    struct stage s;
    struct image_cleaned done;
    struct sw_err err = SW_ERR_INIT;
    stage_open(&s);
    for (size_t i = 0; i < SW_ARRAY_LEN(names); i++)
        image_hold_free(pulled(&s, names[i]));
    age(&s, "a", 5000);
    age(&s, "b", 9000);
    age(&s, "c", 100);
    CHECK_OK(clean(&s, NULL, 3600, 1, &done, &err));
    CHECK_EQ_INT(done.images, 1);
    CHECK_OK(clean(&s, NULL, 0, 0, &done, &err)); /* what it left goes with its age */
    CHECK(!has_document(&s, "b") && has_document(&s, "a") && has_document(&s, "c"));
    /* Use makes it young again, whether a task has it or it is pulled anew. */
    CHECK_OK(clean(&s, "a", 3600, 5, &done, &err));
    CHECK_OK(clean(&s, NULL, 3600, 5, &done, &err));
    CHECK_EQ_INT(done.images, 0);
    age(&s, "a", 5000);
    image_hold_free(pulled(&s, "a"));
    CHECK_OK(clean(&s, NULL, 3600, 5, &done, &err));
    CHECK_EQ_INT(done.images, 0);
    stage_close(&s);
}

TEST(what_is_held_stays_and_a_hold_that_ends_is_noticed)
{
    struct stage s;
    struct image_cleaned done;
    struct sw_err err = SW_ERR_INIT;
    stage_open(&s);
    const struct digest layers[] = {digest_named("half")};
    struct image_hold *pulling = image_store_hold(s.store, layers, 1);
    struct image_hold *starting = pulled(&s, "one");
    make_snapshot(&s, "half");
    CHECK_OK(clean(&s, NULL, 0, 5, &done, &err));
    CHECK_EQ_INT(done.images + done.snapshots + done.documents, 0);
    uint64_t before = image_store_generation(s.store);
    image_hold_free(starting); /* to a task, of which the list does not know yet */
    sw_autojson json_t *none = json_array();
    struct image_cleanup o = {.used = none, .generation = before, .images_max = 5};
    CHECK_ERR(image_store_clean(s.store, &o, &done, &err), SW_ESTALE, NULL);
    CHECK(has_snapshot(&s, "base"));
    sw_err_clear(&err);
    image_hold_free(pulling);
    CHECK_OK(clean(&s, NULL, 0, 5, &done, &err));
    CHECK(!has_snapshot(&s, "base") && !has_snapshot(&s, "half"));
    stage_close(&s);
}

TEST(an_image_whose_layers_are_not_known_keeps_everything)
{
    struct stage s;
    struct image_cleaned done;
    struct sw_err err = SW_ERR_INIT;
    stage_open(&s);
    image_hold_free(pulled(&s, "one"));
    make_snapshot(&s, "layer of an agent before");
    CHECK_ERR(clean(&s, "before", 0, 5, &done, &err), SW_EUNAVAILABLE, NULL);
    CHECK(has_snapshot(&s, "layer of an agent before") && has_document(&s, "one"));
    sw_err_clear(&err);
    /* A record that is damaged says nothing; its image's next pull writes it anew. */
    char hex[129];
    struct digest d = digest_named("one");
    digest_hex(&d, hex);
    sw_autofree char *path = sw_asprintf("%s/image-%s", s.content, hex);
    put(path, "{");
    CHECK_ERR(clean(&s, "one", 0, 5, &done, &err), SW_EUNAVAILABLE, NULL);
    sw_err_clear(&err);
    CHECK_OK(clean(&s, NULL, 0, 5, &done, &err));
    CHECK(!sw_path_exists(path) && !has_snapshot(&s, "base"));
    stage_close(&s);
}

TEST(what_was_taken_and_not_removed_goes_at_the_next_start)
{
    struct stage s;
    struct sw_err err = SW_ERR_INIT;
    stage_open(&s);
    make_snapshot(&s, "x");
    char hex[129], **names;
    struct digest d = digest_named("x");
    digest_hex(&d, hex);
    sw_autofree char *gone = snapshots_take(s.snapshots, hex);
    CHECK(gone && sw_path_exists(gone) && !has_snapshot(&s, "x"));
    CHECK(snapshots_take(s.snapshots, hex) == NULL);
    char *dir = NULL;
    CHECK_EQ_INT(snapshots_claim(s.snapshots, &d, &dir, &err), 1);
    CHECK(snapshots_take(s.snapshots, hex) == NULL); /* it is being made */
    snapshots_abandon(s.snapshots, &d, dir);
    free(dir);
    stage_close(&s);
    stage_open(&s);
    CHECK(!sw_path_exists(gone));
    CHECK_EQ_INT(snapshots_list(s.snapshots, &names), 0);
    free(names);
    stage_close(&s);
}
