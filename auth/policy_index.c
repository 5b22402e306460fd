/* SPDX-License-Identifier: Apache-2.0 */
#include "auth/policy_index.h"

#include <string.h>

#include "auth/policy_compiled.h"
#include "base/alloc.h"
#include "base/macros.h"

/* FNV-1a over the lower-case letters. Collisions cost a comparison, nothing else. */
#define HASH_START 0xcbf29ce484222325ULL
#define HASH_PRIME 0x100000001b3ULL

static uint64_t hash_step(uint64_t h, char c)
{
    unsigned char u = (unsigned char)(c >= 'A' && c <= 'Z' ? c + ('a' - 'A') : c);
    return (h ^ u) * HASH_PRIME;
}

struct policy_action_hash policy_action_hash(const char *action)
{
    struct policy_action_hash ret = {.service = 0};
    uint64_t h = HASH_START;
    for (const char *p = action; *p; p++) {
        h = hash_step(h, *p);
        if (*p == ':' && !ret.service)
            ret.service = h;
    }
    ret.whole = h;
    return ret;
}

struct entry {
    uint64_t hash;
    struct policy_index_item item;
};

struct builder {
    struct entry *entries;
    size_t n;
    struct policy_index_item *general;
    size_t general_n;
};

static int by_hash(const void *a, const void *b)
{
    const struct entry *x = a, *y = b;
    if (x->hash != y->hash)
        return x->hash < y->hash ? -1 : 1;
    if (x->item.statement != y->item.statement)
        return x->item.statement < y->item.statement ? -1 : 1;
    return (x->item.action > y->item.action) - (x->item.action < y->item.action);
}

/* True when the service part holds no wildcard; *ret: the hash up to and with the colon. */
static bool service_of(const char *action, uint64_t *ret)
{
    uint64_t h = HASH_START;
    for (const char *p = action; *p; p++) {
        h = hash_step(h, *p);
        if (*p == '*' || *p == '?')
            return false;
        if (*p == ':') {
            *ret = h;
            return true;
        }
    }
    return false;
}

/* An item of the statement. The tail is only kept where a resource that lacks it ends the comparison at once, with nothing looked up:
 * one ARN, not inverted, whose last part has no variables. */
static struct policy_index_item item_of(const struct policy_statement *s, uint32_t index)
{
    struct policy_index_item item = {.statement = index, .action = POLICY_ANY_ACTION};
    if (s->not_resource || s->resources_n != 1 || s->resources[0].arn.kind != POLICY_ARN_SPLIT)
        return item;
    const struct policy_glob *last = &s->resources[0].arn.part[POLICY_ARN_PARTS - 1];
    if (last->variables || last->text.n < sizeof(item.tail) || last->text.n > UINT32_MAX)
        return item;
    item.tail_end = (uint32_t)last->text.n;
    memcpy(item.tail, last->text.p + last->text.n - sizeof(item.tail), sizeof(item.tail));
    return item;
}

static void file_general(struct builder *b, struct policy_index_item item)
{
    if (!b->general_n || b->general[b->general_n - 1].statement != item.statement)
        b->general[b->general_n++] = item;
}

static void file_statement(struct builder *b, const struct policy_statement *s, uint32_t index)
{
    struct policy_index_item item = item_of(s, index);
    if (s->not_action) {
        file_general(b, item);
        return;
    }
    for (size_t i = 0; i < s->actions_n; i++) {
        const struct policy_action *a = &s->actions[i];
        uint64_t service;
        if (policy_glob_has_wildcards(&a->glob)) {
            if (service_of(a->text, &service))
                b->entries[b->n++] = (struct entry){service, item};
            else
                file_general(b, item);
            continue;
        }
        b->entries[b->n] = (struct entry){policy_action_hash(a->text).whole, item};
        b->entries[b->n++].item.action = (int32_t)i;
    }
}

static struct policy_index_list *slot_of(const struct policy_index *ix, uint64_t hash)
{
    size_t i = (size_t)(hash ^ hash >> 32) & ix->mask;
    while (ix->slots[i].items && ix->slots[i].hash != hash)
        i = (i + 1) & ix->mask;
    return &ix->slots[i];
}

/* Entries of one hash become one list; the second mention of an action in a statement adds nothing. */
static void make_lists(struct policy_index *ix, struct sw_arena *arena, struct builder *b)
{
    struct policy_index_item *items = sw_arena_alloc(arena, b->n, sizeof(*items));
    size_t n = 0, lists = 1;
    qsort(b->entries, b->n, sizeof(*b->entries), by_hash);
    for (size_t i = 1; i < b->n; i++)
        lists += b->entries[i].hash != b->entries[i - 1].hash;
    size_t size = 4;
    while (size < lists * 2)
        size *= 2;
    ix->slots = sw_arena_alloc(arena, size, sizeof(*ix->slots));
    ix->mask = size - 1;
    for (size_t i = 0; i < b->n;) {
        uint64_t hash = b->entries[i].hash;
        struct policy_index_list *list = slot_of(ix, hash);
        *list = (struct policy_index_list){.hash = hash, .items = items + n};
        for (; i < b->n && b->entries[i].hash == hash; i++) {
            bool again = list->n && items[n - 1].statement == b->entries[i].item.statement;
            if (again && items[n - 1].action != b->entries[i].item.action)
                items[n - 1].action = POLICY_ANY_ACTION;
            if (again)
                continue;
            items[n++] = b->entries[i].item;
            list->n++;
        }
    }
}

void policy_index_build(struct policy_index *ix, struct sw_arena *arena,
                        const struct policy_statement *statements, size_t n, bool deny)
{
    size_t most = 0;
    for (size_t i = 0; i < n; i++)
        most += statements[i].actions_n;
    sw_autofree struct entry *entries = sw_realloc_array(NULL, most + 1, sizeof(*entries));
    struct builder b = {.entries = entries};
    b.general = sw_arena_alloc(arena, n, sizeof(*b.general));
    for (size_t i = 0; i < n; i++) {
        if (statements[i].deny == deny)
            file_statement(&b, &statements[i], (uint32_t)i);
    }
    ix->general = (struct policy_index_list){.items = b.general, .n = b.general_n};
    if (b.n)
        make_lists(ix, arena, &b);
}

static void set_cursor(struct policy_scan *s, int i, const struct policy_index_list *list)
{
    s->at[i] = list->items;
    s->end[i] = list->items + list->n;
}

void policy_scan_begin(struct policy_scan *s, const struct policy_index *ix,
                       const struct policy_action_hash *action, struct sw_str resource)
{
    static const struct policy_index_item nothing[1];
    static const struct policy_index_list none = {.items = nothing};
    const struct policy_index_list *whole = &none, *service = &none;
    if (ix->mask) {
        whole = slot_of(ix, action->whole);
        service = slot_of(ix, action->service);
    }
    s->resource = resource;
    set_cursor(s, 0, whole->items ? whole : &none);
    set_cursor(s, 1, service->items && service != whole ? service : &none);
    set_cursor(s, 2, ix->general.n ? &ix->general : &none);
}

/* Every item of a statement has the same tail, so all of them are passed over or none. */
static void pass_over(struct policy_scan *s, int i)
{
    for (; s->at[i] < s->end[i]; s->at[i]++) {
        const struct policy_index_item *item = s->at[i];
        size_t end = item->tail_end;
        if (!end || (s->resource.n >= end && memcmp(s->resource.p + end - sizeof(item->tail),
                                                    item->tail, sizeof(item->tail)) == 0))
            return;
    }
}

bool policy_scan_next(struct policy_scan *s, struct policy_index_item *ret)
{
    uint32_t next = UINT32_MAX;
    bool found = false;
    for (int i = 0; i < 3 && s->resource.p; i++)
        pass_over(s, i);
    for (int i = 0; i < 3; i++) {
        if (s->at[i] < s->end[i] && s->at[i]->statement <= next) {
            next = s->at[i]->statement;
            found = true;
        }
    }
    if (!found)
        return false;
    int offers = 0;
    for (int i = 0; i < 3; i++) {
        if (s->at[i] < s->end[i] && s->at[i]->statement == next) {
            *ret = *s->at[i]++;
            offers++;
        }
    }
    if (offers > 1)
        ret->action = POLICY_ANY_ACTION;
    return true;
}
