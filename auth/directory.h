/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* auth/directory.h - what identity.h's directory holds besides the existence of users: groups, roles, managed policies, instance
 * profiles, OIDC providers, their policies, tags and links, and access keys, as IAM has them.
 * Owns: a row for each object and a whole copy in memory with compiled policies. A change is made on a copy of the object, stored,
 * and then put in the object's place, so a reader sees an object before or after a change and never in between.
 * Objects have an origin: none (IAM), "builtin" (AWS managed policies), or the policy file that they come from; the last two are
 * in memory only and IAM refuses to change them by name.
 * Threads: shared freely. Expected errors carry IAM's names: NoSuchEntity, EntityAlreadyExists, DeleteConflict, LimitExceeded,
 * MalformedPolicyDocument, ValidationError, InvalidInput, UnmodifiableEntity.
 * Spec: docs/internals/identities.md, IAM API reference 2010-05-08. */
#include <stdatomic.h>

#include "auth/identity.h"
#include "auth/policy_eval.h"

enum iam_kind {
    IAM_USER,
    IAM_GROUP,
    IAM_ROLE,
    IAM_POLICY,
    IAM_PROFILE,  /* instance profile */
    IAM_PROVIDER, /* OIDC provider */
    IAM_KIND_MAX_
};
const char *iam_kind_to_string(
    enum iam_kind k); /* "user" ... as in ARNs: "instance-profile", "oidc-provider" */
bool iam_kind_from_string(const char *s, enum iam_kind *ret);

#define IAM_ID_MAX       33
#define IAM_ARN_MAX      768   /* 512 of a path, 128 of a name */
#define IAM_AWS_ACCOUNT  "aws" /* of AWS managed policies */
#define IAM_BUILTIN      "builtin"
#define IAM_TAGS_MAX     50
#define IAM_VERSIONS_MAX 5
#define IAM_KEYS_MAX     2

/* Quotas of one account and of one object. */
#define IAM_ENTITIES_MAX  5000 /* of a kind */
#define IAM_ATTACHED_MAX  20   /* managed policies */
#define IAM_GROUPS_MAX    10   /* of a user */
#define IAM_INLINE_USER   2048 /* characters that are no white space, all inline policies together */
#define IAM_INLINE_GROUP  5120
#define IAM_INLINE_ROLE   10240
#define IAM_MANAGED_SIZE  6144
#define IAM_TRUST_SIZE    4096
#define IAM_CLIENTS_MAX   100
#define IAM_SESSION_S     3600
#define IAM_SESSION_MIN_S 3600
#define IAM_SESSION_MAX_S 43200

struct iam_tag {
    char *key, *value;
};
struct iam_inline {
    char *name, *text;
    struct policy_document *doc;
};
struct iam_version {
    int64_t number;
    char *text;
    struct policy_document *doc;
    int64_t created_at_us;
};
struct iam_words { /* sorted */
    char **v;
    size_t n;
};

/* One object. What a kind does not have is empty. */
struct iam_entity {
    enum iam_kind kind;
    char id[IAM_ID_MAX];
    char account[13];
    char *name, *path, *arn;
    char *description; /* or NULL */
    char *origin;      /* NULL: made through IAM; else "builtin" or a file */
    int64_t created_at_us, changed_at_us;
    struct iam_tag *tags; /* sorted by key */
    size_t tags_n;
    struct iam_inline *inlines; /* sorted by name */
    size_t inlines_n;
    struct iam_words policies; /* ARNs of attached policies */
    struct iam_words groups;   /* ids; user */
    struct iam_words roles;    /* ids; instance profile: none or one */
    struct iam_words clients, thumbprints;
    char *boundary; /* ARN, or NULL */
    enum principal_kind user_kind;
    char *trust; /* role */
    struct policy_document *trust_doc;
    int64_t max_session_s;
    int64_t last_used_us;
    char last_used_region[64];
    bool used;                    /* since the last flush: the directory's own */
    struct iam_version *versions; /* by number */
    size_t versions_n;
    int64_t default_version, next_version;
    char *jwks;                  /* provider, or NULL */
    struct directory_view *view; /* the directory's own, as `view_at` is */
    uint64_t view_at;
};
/* The default version, NULL unless a policy. */
const struct iam_version *iam_default_version(const struct iam_entity *e);
const struct iam_version *iam_version_of(const struct iam_entity *e, int64_t number);
const struct iam_inline *iam_inline_of(const struct iam_entity *e, const char *name);
bool iam_words_has(const struct iam_words *w, const char *word);

struct iam_key_info {
    char id[33];
    char user_id[IAM_ID_MAX], account[13];
    bool active;
    int64_t created_at_us;
    int64_t last_used_us; /* 0: never */
    char last_service[32], last_region[64];
};

/* ---- reading ----
 * Between lock and unlock objects stay as they are; no other function of the directory may be called meanwhile. */
void directory_lock(struct identity *d);
void directory_unlock(struct identity *d);
/* NULL: there is none. Names compare as IAM's do: without case. */
const struct iam_entity *directory_find(struct identity *d, enum iam_kind kind, const char *account,
                                        const char *name);
const struct iam_entity *directory_by_id(struct identity *d, const char *id);
const struct iam_entity *directory_by_arn(struct identity *d, const char *arn);
/* What policies name the object by: the ARN that it has, however its name was written; one that is not there would have this path
 * (NULL: "/"). Takes the lock. */
void directory_arn(struct identity *d, enum iam_kind kind, const char *account, const char *name,
                   const char *path, char ret[IAM_ARN_MAX]);
/* Objects of a kind of one account (NULL: the built-in ones too), in name order. */
typedef void directory_each_fn(void *ctx, const struct iam_entity *e);
void directory_each(struct identity *d, enum iam_kind kind, const char *account,
                    directory_each_fn *fn, void *ctx);
/* Keys of a user, oldest first, or one. False: there is none. */
typedef void directory_key_fn(void *ctx, const struct iam_key_info *key);
void directory_each_key(struct identity *d, const char *user_id, directory_key_fn *fn, void *ctx);
bool directory_key(struct identity *d, const char *key_id, struct iam_key_info *ret);
bool directory_alias(struct identity *d, const char *account, char ret[64]);

/* ---- what a principal's policies are ----
 * A counted, immutable view, made anew after a change of anything that it was made of. */
struct directory_view {
    atomic_uint refs;
    enum iam_kind kind;
    char id[IAM_ID_MAX];
    const char *arn; /* of the user or role */
    const char *account;
    const char *name;
    struct policy_attached *identity;
    size_t identity_n;
    bool has_boundary;
    struct policy_attached
        boundary; /* doc NULL: names a policy that is not there, so nothing is allowed */
    struct iam_tag *tags;
    size_t tags_n;
    _Atomic int64_t noted_us; /* when a use of it was written down last */
};
/* Of a user or role by id; NULL: there is none. */
struct directory_view *directory_view(struct identity *d, const char *id);
void directory_view_unref(struct directory_view *v); /* NULL ok */
/* Written down in memory; directory_flush() stores what was noted since. */
void directory_note_use(struct identity *d, const struct principal *p, const char *service,
                        const char *region, int64_t now_us);
int directory_flush(struct identity *d, struct sw_err *err);

/* ---- changing ----
 * Name, path and texts are checked here. An object is named by kind, account and name. */
struct directory_new {
    enum iam_kind kind;
    const char *account, *name, *path, *description; /* path NULL: "/" */
    const char *boundary;                            /* ARN or NULL */
    const char *document;                            /* role: trust policy; policy: version 1 */
    int64_t max_session_s;                           /* role; 0: default */
    const struct iam_tag *tags;
    size_t tags_n;
    const char *const *clients, *const *thumbprints; /* provider; NULL-terminated or NULL */
    enum principal_kind user_kind;                   /* user; 0: PRINCIPAL_USER */
};
int directory_create(struct identity *d, const struct directory_new *n, char ret_id[IAM_ID_MAX],
                     struct sw_err *err);
/* DeleteConflict while anything hangs on it. */
int directory_delete(struct identity *d, enum iam_kind kind, const char *account, const char *name,
                     struct sw_err *err);

struct directory_update { /* NULL and 0: as it is */
    const char *name, *path, *description;
    const char *trust;
    int64_t max_session_s;
    const char *jwks; /* provider; "": forget */
};
int directory_change(struct identity *d, enum iam_kind kind, const char *account, const char *name,
                     const struct directory_update *u, struct sw_err *err);
int directory_put_inline(struct identity *d, enum iam_kind kind, const char *account,
                         const char *name, const char *policy, const char *document,
                         struct sw_err *err);
int directory_delete_inline(struct identity *d, enum iam_kind kind, const char *account,
                            const char *name, const char *policy, struct sw_err *err);
int directory_attach(struct identity *d, enum iam_kind kind, const char *account, const char *name,
                     const char *policy_arn, struct sw_err *err);
int directory_detach(struct identity *d, enum iam_kind kind, const char *account, const char *name,
                     const char *policy_arn, struct sw_err *err);
int directory_set_boundary(struct identity *d, enum iam_kind kind, const char *account,
                           const char *name, const char *policy_arn, struct sw_err *err);
int directory_tag(struct identity *d, enum iam_kind kind, const char *account, const char *name,
                  const struct iam_tag *tags, size_t n, struct sw_err *err);
int directory_untag(struct identity *d, enum iam_kind kind, const char *account, const char *name,
                    const char *const *keys, size_t n, struct sw_err *err);
/* Adding twice and removing what is not there are fine, as in IAM. */
int directory_join(struct identity *d, const char *account, const char *user, const char *group,
                   bool in, struct sw_err *err);
int directory_profile_role(struct identity *d, const char *account, const char *profile,
                           const char *role, bool in, struct sw_err *err);
enum iam_provider_list { IAM_CLIENT_ADD, IAM_CLIENT_REMOVE, IAM_THUMBPRINTS };
int directory_provider_words(struct identity *d, const char *account, const char *name,
                             enum iam_provider_list what, const char *const *words, size_t n,
                             struct sw_err *err);

int directory_add_version(struct identity *d, const char *account, const char *name,
                          const char *document, bool set_default, int64_t *ret_number,
                          struct sw_err *err);
int directory_delete_version(struct identity *d, const char *account, const char *name,
                             int64_t number, struct sw_err *err);
int directory_set_default_version(struct identity *d, const char *account, const char *name,
                                  int64_t number, struct sw_err *err);

/* given: as identity_user_add(). */
int directory_key_add(struct identity *d, const char *account, const char *user,
                      const struct identity_key *given, struct identity_key *ret,
                      struct sw_err *err);
int directory_key_set(struct identity *d, const char *account, const char *user, const char *key_id,
                      bool active, struct sw_err *err);
int directory_key_delete(struct identity *d, const char *account, const char *user,
                         const char *key_id, struct sw_err *err);
int directory_set_alias(struct identity *d, const char *account, const char *alias,
                        struct sw_err *err); /* NULL: none */

/* ---- policy files ----
 * Objects are added to an overlay with the same checks and then all become visible together, in place of those of the overlay
 * before. Ids are derived from the names, so tokens and keys outlive a reload. */
struct directory_overlay;
struct directory_overlay *directory_overlay_new(void);
void directory_overlay_free(struct directory_overlay *o); /* NULL ok */
/* Fields of `n` as for directory_create(); a user or role may then be given policies. The object is borrowed. */
int directory_overlay_add(struct directory_overlay *o, const struct directory_new *n,
                          const char *file, struct iam_entity **ret, struct sw_err *err);
int directory_overlay_inline(struct iam_entity *e, const char *policy, const char *document,
                             struct policy_position *ret_where, struct sw_err *err);
void directory_overlay_attach(struct iam_entity *e, const char *policy_arn);
void directory_overlay_join(struct iam_entity *user, const char *group_name);
void directory_overlay_hold(struct iam_entity *profile, const char *role_name);
/* All or nothing. Takes the overlay when 0 is returned. EntityAlreadyExists (an object of IAM has that name), NoSuchEntity (an
 * attached policy, a group, a boundary or a role that nobody has); err->detail is the file of the object that is wrong. */
int directory_overlay_set(struct identity *d, struct directory_overlay *o, struct sw_err *err);
/* The id that an object of a policy file has. */
void directory_overlay_id(enum iam_kind kind, const char *account, const char *name,
                          char ret[IAM_ID_MAX]);
