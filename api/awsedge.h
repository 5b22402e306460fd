/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* api/awsedge.h - AWS operations over one port, in two protocols from the same tables.
 * AWS JSON 1.1 and 1.0 (api/awsjson.h): POST /, X-Amz-Target chooses service and operation.
 * Query (api/awsquery.h): POST / with a form (or GET /?Action=...), answers in XML: the service of the credential's scope, then
 * Version, then Action choose. A request with X-Amz-Target is JSON; without it a form is a query.
 * A caller without a key of ours is refused before a body of more than LIMIT_AWS_BODY_UNKNOWN bytes, or of no known size, is read.
 * Order: (target ->) signature over the whole body -> inflated when it has Content-Encoding gzip -> document (-> action) -> schema,
 * and no tag key twice -> handler (which must call aws_may or aws_allow) -> reply check in test builds. Operations that the service has but we do not
 * implement answer UnsupportedFeatureException (query: UnsupportedOperation) by name, anything else UnknownOperationException
 * (query: InvalidAction); never a 5xx for what the caller asked. Every reply carries x-amzn-RequestId. */
#include <jansson.h>

#include "api/http.h"
#include "api/rate.h"
#include "api/schema.h"
#include "auth/policy.h"
#include "auth/sigv4.h"

struct aws_service;
struct aws_op;

struct aws_call {
    const struct aws_service *service;
    const struct aws_op *op;
    struct http_req *req;
    struct principal principal;
    char region[64];
    int64_t now_us;
    const json_t *input;           /* the validated document, borrowed */
    struct authorizer *authorizer; /* NULL: built-in policies only */
    bool authorized;               /* set by aws_may; a reply without it is an internal error */
    bool deferred;
    struct http_stream *
        stream; /* a handler that succeeds may set it, with a reference: then it is the answer, of stream_type */
    const char *stream_type; /* static */
    json_t *
        error_members; /* the handler may set it, owned: members of its error besides the message (JSON protocol) */
    struct policy_context context;
};

/* out is an empty object to fill. */
typedef int (*aws_handler_fn)(struct aws_call *call, const void *in, json_t *out,
                              struct sw_err *err);

struct aws_op {
    const char *name; /* table sorted by it */
    aws_handler_fn fn;
    const struct sw_field *in, *out;
    size_t in_size;
    const char *action; /* "ecr:CreateRepository" */
};

/* What docs/operations.md says of an operation that is in the table but does not do its whole work; one without a note is
 * implemented. Sorted by name, ended by NULL. */
enum aws_op_status { AWS_OP_STORED, AWS_OP_REFUSED, AWS_OP_EMPTY };
struct aws_op_note {
    const char *name;
    enum aws_op_status status;
    const char
        *text; /* what does not follow, the feature that is refused, or what there is none of */
};

enum aws_protocol { AWS_JSON_1_1, AWS_QUERY };

struct aws_service {
    const char *signing_name;   /* "ecr" */
    const char *target_prefix;  /* "AmazonEC2ContainerRegistry_V20150921" */
    const char *invalid_reason; /* for schema violations: "InvalidParameterException" */
    const char *tags_reason;    /* for bad tags (api/tag_rules.h); NULL: invalid_reason */
    const struct aws_op *ops;
    size_t ops_n;
    const char *const *unimplemented; /* names of the service's other operations, NULL-terminated */
    const struct aws_op_note *notes;  /* NULL: none */
    const char *large_op;             /* the one operation whose body may have large_body bytes */
    size_t large_body;
    void *ctx; /* the handlers' own */
    enum aws_protocol protocol;
    const char *api_version; /* query: "2011-06-15"; services of one signing name differ by it */
    const char *const *
        unsigned_ops; /* query: names of those that need no signature, NULL-terminated; their caller is anonymous */
    const char *xml_namespace; /* query: "https://sts.amazonaws.com/doc/2011-06-15/" */
};

/* may() for this call's operation on a resource (an ARN or "*"); AccessDeniedException. */
int aws_may(struct aws_call *call, const char *resource, struct sw_err *err);
/* The same for another action (iam:PassRole ...). */
int aws_may_action(struct aws_call *call, const char *action, const char *resource,
                   struct sw_err *err);

/* For operations that something else than may() decides (a trust policy) or that everybody may use: notes it as allowed. */
void aws_allow(struct aws_call *call, const char *resource);

/* Long polls: the handler calls aws_defer, keeps the ticket and returns 0; aws_complete answers from any thread, with `out`
 * (taken; schema-checked) or, when err->code is set, the error. NULL from aws_defer: shutting down, answer now. */
struct aws_ticket;
struct aws_ticket *aws_defer(struct aws_call *call);
void aws_complete(struct aws_ticket *t, json_t *out, const struct sw_err *err);

struct aws_edge_options {
    const struct aws_service *services;
    size_t services_n;
    sigv4_secret_fn secret;
    void *secret_ctx;
    struct authorizer
        *authorizer;           /* what may() asks with; NULL: built-in policies only; borrowed */
    struct rate_limiter *rate; /* NULL: none; borrowed */
    int64_t (*now_us)(void);   /* NULL: sw_now_us */
    struct rejected_log
        *rejected; /* wrong signatures are noted there; NULL: they are not; borrowed */
};
/* An http_service that takes POST / with an X-Amz-Target, an AWS4 authorization or a form, and GET / with an Action. The options
 * are copied. */
struct aws_edge;
struct aws_edge *aws_edge_new(const struct aws_edge_options *o);
void aws_edge_free(struct aws_edge *e);
struct http_service aws_edge_service(struct aws_edge *e);

/* Opaque page tokens: base64url of "v1:" and the last key. */
#define AWS_PAGE_TOKEN_MAX 1400
void aws_page_token(const char *last_key, char out[AWS_PAGE_TOKEN_MAX]);
int aws_page_token_parse(const char *token, char *out, size_t cap, const char *reason,
                         struct sw_err *err);
