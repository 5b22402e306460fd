/* SPDX-License-Identifier: Apache-2.0 */
/* registry/core/lifecycle_policy.c - ECR user guide, "Lifecycle policy properties" and "Lifecycle policy evaluation rules". */
#include "registry/core/lifecycle_policy.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "base/json.h"
#include "base/macros.h"

#define INVALID  "InvalidParameterException"
#define INT_MAX_ INT32_MAX

/* ECR's frame around what is wrong. */
__attribute__((format(printf, 2, 3))) static int fail(struct sw_err *err, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    sw_autofree char *what = sw_vasprintf(fmt, ap);
    va_end(ap);
    return sw_fail(err, SW_EINVALID, INVALID,
                   "Invalid parameter at 'LifecyclePolicyText' failed to satisfy constraint: "
                   "'Lifecycle policy validation failure: %s'",
                   what);
}

/* --- matching --------------------------------------------------------------------------------- */

bool lifecycle_pattern_matches(const char *pattern, const char *text)
{
    const char *star = NULL, *resume = NULL;
    while (*text) {
        if (*pattern == '*') {
            star = pattern++;
            resume = text;
        } else if (*pattern == *text) {
            pattern++;
            text++;
        } else if (star) {
            pattern = star + 1;
            text = ++resume;
        } else {
            return false;
        }
    }
    while (*pattern == '*')
        pattern++;
    return *pattern == 0;
}

static bool some_tag_matches(const struct lifecycle_rule *r, const char *want,
                             const char *const *tags, size_t n)
{
    size_t len = r->prefixes ? strlen(want) : 0;
    for (size_t i = 0; i < n; i++)
        if (r->prefixes ? strncmp(tags[i], want, len) == 0
                        : lifecycle_pattern_matches(want, tags[i]))
            return true;
    return false;
}

bool lifecycle_rule_matches(const struct lifecycle_rule *r, const char *const *tags, size_t n)
{
    if (r->status == LIFECYCLE_ANY)
        return true;
    if (r->status == LIFECYCLE_UNTAGGED)
        return n == 0;
    for (size_t i = 0; i < r->tags_n; i++)
        if (!some_tag_matches(r, r->tags[i], tags, n))
            return false;
    return true;
}

/* --- members ---------------------------------------------------------------------------------- */

static int only_members(const json_t *object, const char *const *names, size_t n, const char *where,
                        struct sw_err *err)
{
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)object, key, value) {
        size_t i = 0;
        while (i < n && !sw_streq(key, names[i]))
            i++;
        if (i < n)
            continue;
        const char *near = sw_nearest_name(key, names, n);
        return fail(err, "%s: the member \"%.60s\" is not allowed%s%s%s", where, key,
                    near ? ", did you mean \"" : "", near ? near : "", near ? "\"?" : "");
    }
    return 0;
}

static int text_member(const json_t *object, const char *key, const char *where, bool required,
                       const char **ret, struct sw_err *err)
{
    const json_t *v = json_object_get(object, key);
    *ret = json_string_value(v);
    if (v && !*ret)
        return fail(err, "%s: \"%s\" must be a string", where, key);
    return !v && required ? fail(err, "%s: the required member \"%s\" is missing", where, key) : 0;
}

static int number_member(const json_t *object, const char *key, const char *where, int64_t *ret,
                         struct sw_err *err)
{
    const json_t *v = json_object_get(object, key);
    if (!v)
        return fail(err, "%s: the required member \"%s\" is missing", where, key);
    if (!json_is_integer(v) || json_integer_value(v) < 1 || json_integer_value(v) > INT_MAX_)
        return fail(err, "%s: \"%s\" must be an integer from 1 to %d", where, key, INT_MAX_);
    *ret = json_integer_value(v);
    return 0;
}

/* The index of the member's value in names[], or -1 when it is absent and may be. */
static int enum_member(const json_t *object, const char *key, const char *where, bool required,
                       const char *const *names, size_t n, int *ret, struct sw_err *err)
{
    const char *text;
    int r = text_member(object, key, where, required, &text, err);
    *ret = -1;
    if (r < 0 || !text)
        return r;
    struct sw_buf list = SW_BUF_INIT(400);
    for (size_t i = 0; i < n; i++) {
        if (sw_streq(text, names[i]))
            *ret = (int)i;
        (void)sw_buf_addf(&list, "%s\"%s\"", i ? ", " : "", names[i]);
    }
    if (*ret < 0)
        r = fail(err, "%s: \"%s\" is \"%.60s\", it must be one of %s", where, key, text, list.p);
    sw_buf_done(&list);
    return r;
}

/* --- rules ------------------------------------------------------------------------------------ */

struct parsing {
    struct lifecycle_rule *rule;
    char where[48]; /* "rule 3" */
    const json_t *selection;
    int count, storage; /* as written; storage -1: not given */
    bool transition;
};

enum { COUNT_TRANSITIONED = 3 };
enum { STORAGE_STANDARD, STORAGE_ARCHIVE };
static const char *const counts[] = {
    [LIFECYCLE_MORE_THAN] = "imageCountMoreThan",
    [LIFECYCLE_SINCE_PUSHED] = "sinceImagePushed",
    [LIFECYCLE_SINCE_PULLED] = "sinceImagePulled",
    [COUNT_TRANSITIONED] = "sinceImageTransitioned",
};
static const char *const storages[] = {"standard", "archive"};
static const char *const statuses[] = {"tagged", "untagged", "any"};

static int check_tag(const struct parsing *p, const char *list, const char *tag, struct sw_err *err)
{
    bool patterns = !p->rule->prefixes;
    size_t n = strlen(tag), stars = 0;
    if (n == 0 || n > LIFECYCLE_TAG_MAX)
        return fail(err, "%s: an element of \"%s\" must have 1 to %d characters", p->where, list,
                    LIFECYCLE_TAG_MAX);
    for (size_t i = 0; i < n; i++) {
        char c = tag[i];
        bool word = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
        stars += c == '*';
        if (!word && c != '.' && c != '_' && c != '-' && !(c == '*' && patterns))
            return fail(err, "%s: \"%s\" in \"%s\" has a character that no tag has", p->where, tag,
                        list);
    }
    if (stars > LIFECYCLE_WILDCARDS_MAX)
        return fail(err, "%s: \"%s\" has %zu wildcards, at most %d are allowed", p->where, tag,
                    stars, LIFECYCLE_WILDCARDS_MAX);
    return 0;
}

static int by_text(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static int read_tags(struct parsing *p, const char *key, const json_t *list, struct sw_err *err)
{
    size_t n = json_array_size(list);
    if (!json_is_array(list) || n == 0 || n > LIFECYCLE_TAGS_MAX)
        return fail(err, "%s: \"%s\" must be a list of 1 to %d strings", p->where, key,
                    LIFECYCLE_TAGS_MAX);
    p->rule->tags = sw_calloc(n, sizeof(*p->rule->tags));
    for (size_t i = 0; i < n; i++) {
        const char *tag = json_string_value(json_array_get(list, i));
        if (!tag)
            return fail(err, "%s: \"%s\" must be a list of strings", p->where, key);
        int r = check_tag(p, key, tag, err);
        if (r < 0)
            return r;
        p->rule->tags[p->rule->tags_n++] = sw_strdup(tag);
    }
    qsort(p->rule->tags, n, sizeof(*p->rule->tags), by_text);
    return 0;
}

static int parse_tags(struct parsing *p, struct sw_err *err)
{
    const json_t *prefixes = json_object_get(p->selection, "tagPrefixList");
    const json_t *patterns = json_object_get(p->selection, "tagPatternList");
    if (p->rule->status != LIFECYCLE_TAGGED) {
        if (prefixes || patterns)
            return fail(err, "%s: \"%s\" goes only with \"tagStatus\" \"tagged\"", p->where,
                        prefixes ? "tagPrefixList" : "tagPatternList");
        return 0;
    }
    if (prefixes && patterns)
        return fail(err, "%s: \"tagPrefixList\" and \"tagPatternList\" exclude each other",
                    p->where);
    if (!prefixes && !patterns)
        return fail(err,
                    "%s: \"tagStatus\" \"tagged\" needs \"tagPatternList\" or \"tagPrefixList\"",
                    p->where);
    p->rule->prefixes = prefixes != NULL;
    return prefixes ? read_tags(p, "tagPrefixList", prefixes, err)
                    : read_tags(p, "tagPatternList", patterns, err);
}

static int parse_count(struct parsing *p, struct sw_err *err)
{
    static const char *const units[] = {"days"};
    int unit, r;
    r = enum_member(p->selection, "countType", p->where, true, counts, SW_ARRAY_LEN(counts),
                    &p->count, err);
    if (r == 0)
        r = enum_member(p->selection, "countUnit", p->where, false, units, SW_ARRAY_LEN(units),
                        &unit, err);
    if (r == 0)
        r = number_member(p->selection, "countNumber", p->where, &p->rule->number, err);
    if (r == 0)
        r = enum_member(p->selection, "storageClass", p->where, false, storages,
                        SW_ARRAY_LEN(storages), &p->storage, err);
    if (r < 0)
        return r;
    if (p->count == LIFECYCLE_MORE_THAN && unit >= 0)
        return fail(err, "%s: \"countUnit\" does not go with \"countType\" \"%s\"", p->where,
                    counts[p->count]);
    if (p->count != LIFECYCLE_MORE_THAN && unit < 0)
        return fail(err, "%s: \"countType\" \"%s\" needs \"countUnit\" \"days\"", p->where,
                    counts[p->count]);
    if (p->count == COUNT_TRANSITIONED && p->storage != STORAGE_ARCHIVE)
        return fail(err, "%s: \"countType\" \"%s\" needs \"storageClass\" \"archive\"", p->where,
                    counts[p->count]);
    if (p->storage == STORAGE_ARCHIVE && p->count != COUNT_TRANSITIONED)
        return fail(err, "%s: \"storageClass\" \"archive\" goes only with \"countType\" \"%s\"",
                    p->where, counts[COUNT_TRANSITIONED]);
    p->rule->count = p->count == COUNT_TRANSITIONED ? 0 : (enum lifecycle_count)p->count;
    return 0;
}

static int parse_selection(struct parsing *p, const json_t *rule, struct sw_err *err)
{
    static const char *const members[] = {"tagStatus",    "tagPatternList", "tagPrefixList",
                                          "storageClass", "countType",      "countUnit",
                                          "countNumber"};
    int status = 0;
    p->selection = json_object_get(rule, "selection");
    if (!json_is_object(p->selection))
        return fail(err, "%s: %s", p->where,
                    p->selection ? "\"selection\" must be an object"
                                 : "the required member \"selection\" is missing");
    int r = only_members(p->selection, members, SW_ARRAY_LEN(members), p->where, err);
    if (r == 0)
        r = enum_member(p->selection, "tagStatus", p->where, true, statuses, SW_ARRAY_LEN(statuses),
                        &status, err);
    if (r < 0)
        return r;
    p->rule->status = (enum lifecycle_tag_status)status;
    r = parse_tags(p, err);
    return r < 0 ? r : parse_count(p, err);
}

static int parse_action(struct parsing *p, const json_t *rule, struct sw_err *err)
{
    static const char *const members[] = {"type", "targetStorageClass"};
    static const char *const types[] = {"expire", "transition"};
    const json_t *action = json_object_get(rule, "action");
    int type, target;
    if (!json_is_object(action))
        return fail(err, "%s: %s", p->where,
                    action ? "\"action\" must be an object"
                           : "the required member \"action\" is missing");
    int r = only_members(action, members, SW_ARRAY_LEN(members), p->where, err);
    if (r == 0)
        r = enum_member(action, "type", p->where, true, types, SW_ARRAY_LEN(types), &type, err);
    if (r == 0)
        r = enum_member(action, "targetStorageClass", p->where, false, &storages[STORAGE_ARCHIVE],
                        1, &target, err);
    if (r < 0)
        return r;
    p->transition = type == 1;
    if (p->transition && target < 0)
        return fail(err, "%s: the action \"transition\" needs \"targetStorageClass\"", p->where);
    if (!p->transition && target >= 0)
        return fail(err, "%s: \"targetStorageClass\" goes only with the action \"transition\"",
                    p->where);
    if (p->transition && p->count == COUNT_TRANSITIONED)
        return fail(err, "%s: what is in the storage class \"archive\" cannot be moved there",
                    p->where);
    return 0;
}

static int parse_rule(struct parsing *p, const json_t *rule, size_t i, struct sw_err *err)
{
    static const char *const members[] = {"rulePriority", "description", "selection", "action"};
    const char *description;
    (void)snprintf(p->where, sizeof(p->where), "rules[%zu]", i);
    if (!json_is_object(rule))
        return fail(err, "%s must be an object", p->where);
    int r = only_members(rule, members, SW_ARRAY_LEN(members), p->where, err);
    if (r == 0)
        r = number_member(rule, "rulePriority", p->where, &p->rule->priority, err);
    if (r == 0)
        r = text_member(rule, "description", p->where, false, &description, err);
    if (r == 0)
        r = parse_selection(p, rule, err);
    return r < 0 ? r : parse_action(p, rule, err);
}

static int by_priority(const void *a, const void *b)
{
    const struct lifecycle_rule *x = a, *y = b;
    return (x->priority > y->priority) - (x->priority < y->priority);
}

static bool same_tags(const struct lifecycle_rule *a, const struct lifecycle_rule *b)
{
    if (a->status != LIFECYCLE_TAGGED || b->status != LIFECYCLE_TAGGED ||
        a->prefixes != b->prefixes || a->tags_n != b->tags_n)
        return false;
    for (size_t i = 0; i < a->tags_n; i++)
        if (!sw_streq(a->tags[i], b->tags[i]))
            return false;
    return true;
}

/* Rules that cannot stand beside each other: the second would never get an image. */
static int check_pair(const struct lifecycle_rule *a, const struct lifecycle_rule *b,
                      struct sw_err *err)
{
    if (a->priority == b->priority)
        return fail(err, "the rulePriority %" PRId64 " is given twice", a->priority);
    if (a->status == LIFECYCLE_ANY)
        return fail(err,
                    "the rule with \"tagStatus\" \"any\" has the rulePriority %" PRId64
                    ", it must have the highest of all",
                    a->priority);
    if (a->status == LIFECYCLE_UNTAGGED && b->status == LIFECYCLE_UNTAGGED)
        return fail(err,
                    "only one rule may select untagged images, those with rulePriority %" PRId64
                    " and %" PRId64 " do",
                    a->priority, b->priority);
    if (same_tags(a, b))
        return fail(err,
                    "the rules with rulePriority %" PRId64 " and %" PRId64
                    " have the same list of tags",
                    a->priority, b->priority);
    return 0;
}

static int check_rules(const struct lifecycle_policy *p, struct sw_err *err)
{
    int r = 0;
    for (size_t i = 0; i < p->n && r == 0; i++)
        for (size_t j = i + 1; j < p->n && r == 0; j++)
            r = check_pair(&p->rules[i], &p->rules[j], err);
    return r;
}

static int parse_rules(const json_t *doc, struct lifecycle_policy *ret, struct sw_err *err)
{
    static const char *const members[] = {"rules"};
    const json_t *rules = json_object_get(doc, "rules");
    int64_t archive = 0;
    size_t n = json_array_size(rules);
    if (!json_is_object(doc))
        return fail(err, "the policy must be an object with the member \"rules\"");
    int r = only_members(doc, members, 1, "the policy", err);
    if (r < 0)
        return r;
    if (!json_is_array(rules) || n == 0 || n > LIFECYCLE_RULES_MAX)
        return fail(err, "\"rules\" must be a list of 1 to %d rules", LIFECYCLE_RULES_MAX);
    ret->rules = sw_calloc(n, sizeof(*ret->rules));
    for (size_t i = 0; i < n; i++) {
        struct parsing p = {.rule = &ret->rules[ret->n++]};
        r = parse_rule(&p, json_array_get(rules, i), i, err);
        if (r < 0)
            return r;
        if (p.transition || p.storage == STORAGE_ARCHIVE)
            archive = p.rule->priority;
    }
    qsort(ret->rules, ret->n, sizeof(*ret->rules), by_priority);
    r = check_rules(ret, err);
    if (r == 0 && archive)
        r = sw_fail(err, SW_EUNSUPPORTED, "UnsupportedFeatureException",
                    "there is no archive storage here: the rule with rulePriority %" PRId64
                    " asks for \"%s\"",
                    archive, "archive");
    return r;
}

int lifecycle_policy_parse(struct sw_str text, struct lifecycle_policy *ret, struct sw_err *err)
{
    struct sw_err e = SW_ERR_INIT;
    sw_autojson json_t *doc = NULL;
    *ret = (struct lifecycle_policy){0};
    if (text.n > 4 * LIFECYCLE_TEXT_MAX) /* each character may have four bytes */
        return fail(err, "the text has %zu bytes, at most %d characters are allowed", text.n,
                    LIFECYCLE_TEXT_MAX);
    if (sw_json_load(text, 8, 20000, INVALID, &doc, &e) < 0)
        return fail(err, "%s", e.msg);
    int r = parse_rules(doc, ret, err);
    if (r < 0)
        lifecycle_policy_done(ret);
    return r;
}

void lifecycle_policy_done(struct lifecycle_policy *p)
{
    for (size_t i = 0; i < p->n; i++) {
        for (size_t k = 0; k < p->rules[i].tags_n; k++)
            free(p->rules[i].tags[k]);
        free(p->rules[i].tags);
    }
    free(p->rules);
    *p = (struct lifecycle_policy){0};
}
