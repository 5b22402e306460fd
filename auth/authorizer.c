/* SPDX-License-Identifier: Apache-2.0 */
/* auth/authorizer.c - from a principal and a request to a question for auth/policy_eval.h.
 * Most decisions look at no context key, so a key is only written down when a statement asks for it; what was written stays in the
 * slots of the question until the decision is made. Key names compare without case.
 * Global keys: IAM user guide, "AWS global condition context keys". */
#include "auth/authorizer.h"

#include <assert.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "auth/directory_builtin.h"
#include "base/alloc.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/macros.h"

#define SLOTS      32
#define TEXT_BYTES 160
#define NOTE_US    (60 * 1000000LL) /* a last use is no more exact than this */

struct authorizer {
    struct authorizer_options o;
};

/* The built-in documents, for all authorizers. */
static struct {
    struct policy_document *administrator, *node, *public_pull, *nothing;
} built_in;
static pthread_once_t built_in_once = PTHREAD_ONCE_INIT;

struct slot {
    struct policy_key key;
    const char *value;
    char text[TEXT_BYTES];
    struct slot *next; /* of those that did not fit into the array */
};

struct asking {
    const struct principal *p;
    const struct policy_context *ctx;
    const struct directory_view *view;   /* NULL: none */
    const struct session_extra *session; /* NULL: none */
    struct slot *slots;
    size_t slots_n;
    struct slot *more; /* a key that is dropped could be the one that a Deny looks at */
};

static void parse_built_in(const char *text, enum policy_type type, struct policy_document **ret)
{
    struct sw_err err = SW_ERR_INIT;
    int r = policy_document_parse(sw_str(text), type, ret, NULL, &err);
    assert(r == 0);
    (void)r;
}

static void parse_all_built_in(void)
{
    parse_built_in(builtin_administrator, POLICY_TYPE_IDENTITY, &built_in.administrator);
    parse_built_in(builtin_node, POLICY_TYPE_IDENTITY, &built_in.node);
    parse_built_in(builtin_public_pull, POLICY_TYPE_RESOURCE, &built_in.public_pull);
    parse_built_in(builtin_nothing, POLICY_TYPE_IDENTITY, &built_in.nothing);
}

struct authorizer *authorizer_new(const struct authorizer_options *o)
{
    struct authorizer *a = SW_NEW(struct authorizer);

    a->o = *o;
    return a;
}

void authorizer_free(struct authorizer *a)
{
    free(a);
}

/* ---- context keys ---- */

/* The values of the global keys: a string that lives long enough, or text written into the slot. NULL: there is no such key. */
typedef const char *value_fn(const struct asking *a, char text[TEXT_BYTES]);

static const char *principal_arn(const struct asking *a, char text[TEXT_BYTES] SW_UNUSED)
{
    const char *arn = a->p->kind == PRINCIPAL_ROLE ? a->p->role_arn : a->p->arn;
    return *arn ? arn : NULL;
}

static const char *principal_account(const struct asking *a, char text[TEXT_BYTES] SW_UNUSED)
{
    return a->p->account[0] ? a->p->account : NULL;
}

static const char *principal_type(const struct asking *a, char text[TEXT_BYTES] SW_UNUSED)
{
    static const char *const types[PRINCIPAL_MAX_] = {[PRINCIPAL_ANONYMOUS] = "Anonymous",
                                                      [PRINCIPAL_USER] = "User",
                                                      [PRINCIPAL_ADMIN] = "User",
                                                      [PRINCIPAL_NODE] = "User",
                                                      [PRINCIPAL_ROOT] = "Account",
                                                      [PRINCIPAL_ROLE] = "AssumedRole",
                                                      [PRINCIPAL_FEDERATED] = "FederatedUser"};
    return types[a->p->kind];
}

static const char *user_name(const struct asking *a, char text[TEXT_BYTES] SW_UNUSED)
{
    return principal_kind_is_user(a->p->kind) ? a->p->name : NULL;
}

static const char *user_id(const struct asking *a, char text[TEXT_BYTES])
{
    const struct principal *p = a->p;

    switch (p->kind) {
    case PRINCIPAL_ANONYMOUS: return "anonymous";
    case PRINCIPAL_ROLE:
        (void)snprintf(text, TEXT_BYTES, "%s:%s", p->user_id, p->session_name);
        return text;
    case PRINCIPAL_FEDERATED:
        (void)snprintf(text, TEXT_BYTES, "%s:%s", p->account, p->name);
        return text;
    default: return p->user_id;
    }
}

static const char *source_ip(const struct asking *a, char text[TEXT_BYTES] SW_UNUSED)
{
    return a->ctx->source_ip;
}

static const char *secure_transport(const struct asking *a, char text[TEXT_BYTES] SW_UNUSED)
{
    return a->ctx->secure_transport ? "true" : "false";
}

static int64_t now_of(const struct asking *a)
{
    return a->ctx->now_us ? a->ctx->now_us : sw_now_us();
}

static const char *current_time(const struct asking *a, char text[TEXT_BYTES])
{
    sw_format_iso8601_s(now_of(a), text);
    return text;
}

static const char *epoch_time(const struct asking *a, char text[TEXT_BYTES])
{
    (void)snprintf(text, TEXT_BYTES, "%" PRId64, now_of(a) / 1000000);
    return text;
}

static const char *requested_region(const struct asking *a, char text[TEXT_BYTES] SW_UNUSED)
{
    return a->ctx->region;
}

static const char *user_agent(const struct asking *a, char text[TEXT_BYTES] SW_UNUSED)
{
    return a->ctx->user_agent;
}

static const char *resource_account(const struct asking *a, char text[TEXT_BYTES] SW_UNUSED)
{
    return a->ctx->account && *a->ctx->account ? a->ctx->account : NULL;
}

/* There with temporary credentials only, and nobody has a second factor here. */
static const char *mfa_present(const struct asking *a, char text[TEXT_BYTES] SW_UNUSED)
{
    return a->p->expires_at_us ? "false" : NULL;
}

/* With it a policy ends the sessions from before a moment, and not those after it. */
static const char *token_issue_time(const struct asking *a, char text[TEXT_BYTES])
{
    if (!a->p->issued_at_us)
        return NULL;
    sw_format_iso8601_s(a->p->issued_at_us, text);
    return text;
}

static const char *never(const struct asking *a SW_UNUSED, char text[TEXT_BYTES] SW_UNUSED)
{
    return "false";
}

static const struct {
    const char *name;
    value_fn *value;
} globals[] = {
    {"aws:PrincipalArn", principal_arn},
    {"aws:PrincipalAccount", principal_account},
    {"aws:PrincipalType", principal_type},
    {"aws:PrincipalIsAWSService", never},
    {"aws:ViaAWSService", never},
    {"aws:username", user_name},
    {"aws:userid", user_id},
    {"aws:SourceIp", source_ip},
    {"aws:SecureTransport", secure_transport},
    {"aws:CurrentTime", current_time},
    {"aws:EpochTime", epoch_time},
    {"aws:RequestedRegion", requested_region},
    {"aws:UserAgent", user_agent},
    {"aws:ResourceAccount", resource_account},
    {"aws:MultiFactorAuthPresent", mfa_present},
    {"aws:TokenIssueTime", token_issue_time},
};

static const struct policy_key *fill(struct slot *s, const char *name, const char *value)
{
    s->value = value;
    s->key = (struct policy_key){.name = name, .values = &s->value, .values_n = 1};
    return &s->key;
}

#define PRINCIPAL_TAG "aws:PrincipalTag/"

static const char *principal_tag(const struct asking *a, const char *name)
{
    const char *key = name + sizeof(PRINCIPAL_TAG) - 1;

    for (size_t i = 0; a->view && i < a->view->tags_n; i++)
        if (strcasecmp(a->view->tags[i].key, key) == 0)
            return a->view->tags[i].value;
    return NULL;
}

/* Keys that were asked for before are found again, so that a statement cannot use up the slots. */
static const struct policy_key *find_slot(const struct asking *a, const char *name)
{
    for (size_t i = 0; i < a->slots_n; i++)
        if (strcasecmp(a->slots[i].key.name, name) == 0)
            return &a->slots[i].key;
    for (const struct slot *s = a->more; s; s = s->next)
        if (strcasecmp(s->key.name, name) == 0)
            return &s->key;
    return NULL;
}

static struct slot *take_slot(struct asking *a)
{
    if (a->slots_n < SLOTS)
        return &a->slots[a->slots_n++];
    struct slot *s = SW_NEW(struct slot);
    s->next = a->more;
    a->more = s;
    return s;
}

static void free_slots(struct asking *a)
{
    for (struct slot *s = a->more, *next; s; s = next) {
        next = s->next;
        free(s);
    }
}

static const struct policy_key *global_key(struct asking *a, const char *name)
{
    const char *value = NULL, *lasting = NULL;
    char text[TEXT_BYTES];

    if (strncasecmp(name, PRINCIPAL_TAG, sizeof(PRINCIPAL_TAG) - 1) == 0) {
        value = principal_tag(a, name);
        lasting = name; /* of the document, which outlives the question */
    }
    for (size_t i = 0; !value && i < SW_ARRAY_LEN(globals); i++) {
        if (strcasecmp(globals[i].name, name) == 0) {
            value = globals[i].value(a, text);
            lasting = globals[i].name;
        }
    }
    if (!value)
        return NULL;
    struct slot *s = take_slot(a);
    if (value == text) {
        (void)sw_str_copy(sw_str(text), s->text, sizeof(s->text));
        value = s->text;
    }
    return fill(s, lasting, value);
}

/* The service's own first, then what the session says of itself, then the global ones. */
static const struct policy_key *key_of(void *ctx, const char *name)
{
    struct asking *a = ctx;
    const struct policy_key *k = NULL;

    for (size_t i = 0; i < a->ctx->keys_n; i++)
        if (strcasecmp(a->ctx->keys[i].name, name) == 0)
            return &a->ctx->keys[i];
    if (a->ctx->more)
        k = a->ctx->more(a->ctx->more_ctx, name);
    if (!k && a->session)
        k = session_extra_key(a->session, name);
    if (!k)
        k = find_slot(a, name);
    return k ? k : global_key(a, name);
}

/* ---- asking ---- */

static void of_kind(const struct principal *p, struct policy_attached *ret, size_t *ret_n)
{
    const struct policy_document *doc = p->kind == PRINCIPAL_ADMIN  ? built_in.administrator
                                        : p->kind == PRINCIPAL_NODE ? built_in.node
                                                                    : NULL;
    if (!doc)
        return;
    *ret = (struct policy_attached){.doc = doc,
                                    .name = p->kind == PRINCIPAL_ADMIN ? BUILTIN_ADMINISTRATOR
                                                                       : BUILTIN_NODE,
                                    .origin = IAM_BUILTIN,
                                    .kind = POLICY_FROM_BUILTIN};
    *ret_n = 1;
}

static void set_principal(struct policy_question *q, const struct principal *p)
{
    if (p->kind == PRINCIPAL_ANONYMOUS) {
        q->anonymous = true;
        return;
    }
    q->principal_arn = p->arn;
    q->principal_account = p->account;
    q->principal_id = p->user_id;
    q->root = p->kind == PRINCIPAL_ROOT;
    if (p->kind == PRINCIPAL_ROLE)
        q->principal_role_arn = p->role_arn;
}

struct waiting {
    struct policy_question *q;
    authorizer_verdict_fn *fn;
    void *fn_ctx;
};

static void decide(const struct waiting *w)
{
    struct policy_verdict v;

    policy_evaluate(w->q, &v);
    w->fn(w->fn_ctx, w->q, &v);
}

static void decide_with_session(void *ctx, const struct policy_attached *policies, size_t n)
{
    struct waiting *w = ctx;

    w->q->session = policies;
    w->q->session_n = n;
    decide(w);
}

/* Policies of the resource and, for a public one, the built-in pull policy. In `room` when there are both. */
static void set_resource(struct policy_question *q, const struct policy_context *ctx,
                         struct policy_attached *room)
{
    q->resource_must_allow = ctx->resource_must_allow;
    q->resource_policies = ctx->resource_policies;
    q->resource_policies_n = ctx->resource_policies_n;
    if (!ctx->resource_public)
        return;
    for (size_t i = 0; i < ctx->resource_policies_n; i++)
        room[i] = ctx->resource_policies[i];
    room[q->resource_policies_n++] = (struct policy_attached){.doc = built_in.public_pull,
                                                              .name = "public repository",
                                                              .origin = IAM_BUILTIN,
                                                              .kind = POLICY_FROM_RESOURCE};
    q->resource_policies = room;
}

/* Whatever a policy says of "*" is about everyone with a name: who has none may do what is done with a public repository. */
static void limit_anonymous(struct policy_question *q)
{
    struct policy_attached all = {.doc = built_in.public_pull, .kind = POLICY_FROM_RESOURCE};
    struct policy_question pull = *q;
    struct policy_verdict v;

    pull.resource_policies = &all;
    pull.resource_policies_n = 1;
    policy_evaluate(&pull, &v);
    if (v.decision != POLICY_ALLOW)
        q->resource_policies_n = 0;
}

static void set_identity(struct policy_question *q, const struct directory_view *view,
                         struct policy_attached *room)
{
    q->identity = view->identity;
    q->identity_n = view->identity_n;
    if (!view->has_boundary)
        return;
    *room = view->boundary;
    if (!room->doc) /* names a policy that is not there */
        room->doc = built_in.nothing;
    q->boundary = room;
}

/* "ecr:PutImage" -> ecr, for GetAccessKeyLastUsed. */
static void note(struct authorizer *a, const struct principal *p, const char *action,
                 const struct policy_context *ctx, struct directory_view *view)
{
    int64_t noted_us = atomic_load_explicit(&view->noted_us, memory_order_relaxed);
    char service[32];

    if (!ctx->now_us || ctx->now_us - noted_us < NOTE_US)
        return;
    atomic_store_explicit(&view->noted_us, ctx->now_us, memory_order_relaxed);
    (void)snprintf(service, sizeof(service), "%.*s", (int)strcspn(action, ":"), action);
    directory_note_use(a->o.identity, p, service, ctx->region ? ctx->region : "", ctx->now_us);
}

#define RESOURCE_POLICIES_MAX 8

void authorizer_ask(struct authorizer *a, const struct principal *p, const char *action,
                    const char *resource, const struct policy_context *ctx,
                    authorizer_verdict_fn *fn, void *fn_ctx)
{
    static const unsigned char no_session[PRINCIPAL_POLICY_ID];
    struct policy_attached own, boundary, resources[RESOURCE_POLICIES_MAX + 1];
    struct slot slots[SLOTS];
    struct asking asking = {.p = p, .ctx = ctx, .slots = slots};
    struct policy_question q = {.action = action,
                                .resource = resource,
                                .resource_account = ctx->account,
                                .key = key_of,
                                .key_ctx = &asking};
    struct directory_view *view = NULL;
    struct session_extra *session = NULL;
    struct waiting w = {.q = &q, .fn = fn, .fn_ctx = fn_ctx};

    assert(action && resource && ctx->account && ctx->resource_policies_n <= RESOURCE_POLICIES_MAX);
    pthread_once(&built_in_once, parse_all_built_in);
    set_principal(&q, p);
    set_resource(&q, ctx, resources);
    if (q.anonymous && q.resource_policies_n)
        limit_anonymous(&q);
    if (a && a->o.identity) {
        view = p->user_id[0] && !q.root ? directory_view(a->o.identity, p->user_id) : NULL;
        if (view)
            set_identity(&q, view, &boundary);
    } else {
        of_kind(p, &own, &q.identity_n);
        q.identity = &own;
    }
    bool has_extra = memcmp(p->session_policy_id, no_session, sizeof(no_session)) != 0;
    if (has_extra && a && a->o.sessions)
        session = session_extra(a->o.sessions, p->session_policy_id);
    asking.view = view;
    asking.session = session;
    /* Its tags alone may be what a Deny looks at, so without them it is as if its policies were gone. */
    q.has_session_policy = p->has_session_policy || (has_extra && !session);
    if (p->kind == PRINCIPAL_FEDERATED && view)
        q.principal_role_arn = view->arn;
    if (view)
        note(a, p, action, ctx, view);
    /* Without its policies a session that has some may do nothing: has_session_policy with none of them. */
    if (!q.has_session_policy || !session ||
        !session_policies(a->o.sessions, p->session_policy_id, decide_with_session, &w))
        decide(&w);
    free_slots(&asking);
    session_extra_unref(session);
    directory_view_unref(view);
}

/* ---- may() ---- */

struct answer {
    const struct policy_context *ctx;
    struct sw_err *err;
    int r;
};

static void answer(void *ctx, const struct policy_question *q, const struct policy_verdict *v)
{
    struct answer *a = ctx;
    struct sw_buf text = SW_BUF_INIT(8192);

    a->r = 0;
    if (v->decision == POLICY_ALLOW)
        return;
    policy_verdict_sentence(q, v, &text);
    a->r = sw_fail(a->err, SW_EDENIED, "AccessDeniedException", SW_STR_FMT,
                   SW_STR_ARG(sw_buf_str(&text)));
    sw_buf_done(&text);
    if (a->ctx->explain)
        policy_verdict_explain(q, v, a->ctx->explain);
}

int may(struct authorizer *a, const struct principal *p, const char *action, const char *resource,
        const struct policy_context *ctx, struct sw_err *err)
{
    struct answer ans = {.ctx = ctx, .err = err};

    authorizer_ask(a, p, action, resource, ctx, answer, &ans);
    return ans.r;
}
