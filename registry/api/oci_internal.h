/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* registry/api/oci_internal.h - what the oci_*.c files share. Nobody else includes it.
 * A struct oci_call is one request after authentication and routing. It lives on begin()'s stack; an operation that needs the
 * body or a worker moves it to the heap with oci_go(). */
#include "api/http.h"
#include "api/wire_errors.h"
#include "auth/token.h"
#include "registry/api/oci.h"
#include "registry/api/oci_route.h"
#include "registry/api/oci_scope.h"
#include "registry/core/blob_link.h"
#include "registry/core/manifest_store.h"
#include "registry/core/upload.h"

#define OCI_REGION_MAX 64 /* as REGISTRY_REGION_MAX */

struct oci_api {
    struct oci_api_options o; /* strings owned */
    struct token_authority authority;
};

struct oci_call {
    struct oci_api *api;
    struct http_req *req;
    struct oci_route route;
    char account[13], region[OCI_REGION_MAX];
    bool may_wait; /* this is no network thread */
    bool bearer;   /* the credentials had the Bearer scheme */
    char *scopes;  /* owned: what that token holds; NULL: as much as its principal */
    const char
        *auth_error; /* static, for the challenge: "invalid_token", "insufficient_scope" or NULL */
    struct repo *repo; /* counted; NULL: none yet (create on push) or not needed */
    struct reference ref;
    /* uploads */
    struct upload *upload; /* held */
    uint64_t size_before;
    bool has_range;
    uint64_t range_first, range_last;
    bool keep_partial; /* bytes of a request that never completed stay */
    struct digest digest;
};

typedef enum http_begin (*oci_begin_fn)(struct oci_call *call, struct http_plan *plan,
                                        struct http_res *res, struct sw_err *err);
typedef int (*oci_run_fn)(struct oci_call *call, struct http_res *res, struct sw_err *err);

struct oci_op {
    enum oci_kind kind;
    enum http_method method;
    const char *action; /* "ecr:BatchGetImage"; NULL: whoever has credentials */
    oci_begin_fn begin;
};

/* Moves the call to the heap and plans `run` on a worker. */
enum http_begin oci_go(struct oci_call *call, struct http_plan *plan, enum http_body_mode mode,
                       uint64_t body_max, oci_run_fn run);
/* err is filled: makes it the answer. */
enum http_begin oci_refuse(const struct oci_call *call, struct http_res *res,
                           const struct sw_err *err);

/* oci_auth.c */
int oci_authenticate(struct oci_call *call, struct sw_err *err);
void oci_place(const struct oci_api *api, const struct http_req *req,
               struct oci_call *call); /* account and region */
int oci_may(struct oci_call *call, const char *action, const char *repository, struct sw_err *err);
/* The same for a list of repositories, from which the caller sees those that oci_allows() shows. */
int oci_may_list(struct oci_call *call, const char *action, struct sw_err *err);
/* The same question about something that the request does not name: no refusal comes of it, so it is not audited. */
bool oci_allows(const struct oci_call *call, const char *action, const char *repository);
/* The caller may, but not with this token: the challenge of oci_may() gets a better one. */
bool oci_needs_token(const struct oci_call *call, const char *action, const char *repository);
/* error: see auth_error. The scope that it asks for follows from the request alone. */
void oci_challenge(const struct oci_api *api, const struct http_req *req, bool bearer,
                   const char *error, struct http_res *res);
/* The action of a route, "" when it needs none or does not exist. */
const char *oci_action_of(enum oci_kind kind, enum http_method method);

/* Fills call->repo. For a push a missing repository stays NULL if the caller may create it; oci_need_repo() then makes it. */
int oci_open_repo(struct oci_call *call, bool push, struct sw_err *err);
int oci_need_repo(struct oci_call *call, struct sw_err *err);
/* A Warning header when a quota of call->repo is nearly used up. */
void oci_warn(const struct oci_call *call, struct http_res *res);
/* Query parameter `n` of list requests; absent or above it: max. */
int oci_page_size(const struct http_req *req, int64_t max, int64_t *ret, struct sw_err *err);
/* If-None-Match names this entity tag, or is "*". */
bool oci_not_modified(const struct http_req *req, const char *etag);

enum http_begin oci_blob_get(struct oci_call *c, struct http_plan *p, struct http_res *res,
                             struct sw_err *err);
enum http_begin oci_blob_delete(struct oci_call *c, struct http_plan *p, struct http_res *res,
                                struct sw_err *err);
enum http_begin oci_upload_post(struct oci_call *c, struct http_plan *p, struct http_res *res,
                                struct sw_err *err);
enum http_begin oci_upload_patch(struct oci_call *c, struct http_plan *p, struct http_res *res,
                                 struct sw_err *err);
enum http_begin oci_upload_put(struct oci_call *c, struct http_plan *p, struct http_res *res,
                               struct sw_err *err);
enum http_begin oci_upload_get(struct oci_call *c, struct http_plan *p, struct http_res *res,
                               struct sw_err *err);
enum http_begin oci_upload_delete(struct oci_call *c, struct http_plan *p, struct http_res *res,
                                  struct sw_err *err);
enum http_begin oci_manifest_get(struct oci_call *c, struct http_plan *p, struct http_res *res,
                                 struct sw_err *err);
enum http_begin oci_manifest_put(struct oci_call *c, struct http_plan *p, struct http_res *res,
                                 struct sw_err *err);
enum http_begin oci_manifest_delete(struct oci_call *c, struct http_plan *p, struct http_res *res,
                                    struct sw_err *err);
enum http_begin oci_tags_get(struct oci_call *c, struct http_plan *p, struct http_res *res,
                             struct sw_err *err);
enum http_begin oci_catalog_get(struct oci_call *c, struct http_plan *p, struct http_res *res,
                                struct sw_err *err);
enum http_begin oci_token_get(struct oci_call *c, struct http_plan *p, struct http_res *res,
                              struct sw_err *err);
enum http_begin oci_token_post(struct oci_call *c, struct http_plan *p, struct http_res *res,
                               struct sw_err *err);
enum http_begin oci_referrers_get(struct oci_call *c, struct http_plan *p, struct http_res *res,
                                  struct sw_err *err);
