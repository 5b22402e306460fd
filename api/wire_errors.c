/* SPDX-License-Identifier: Apache-2.0 */
/* api/wire_errors.c - the one table from reasons to statuses and codes.
 * OCI: distribution-spec "Error Codes"; MANIFEST_BLOB_UNKNOWN and the rest of the 400s as the distribution registry answers.
 * AWS: the services' error lists; awsJson errors are 400 but for faults of the server and missing credentials. A reason that
 * an operation of either protocol can meet has both halves: the core speaks ECR's names and /v2/ translates them here. */
#include "api/wire_errors.h"

#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/log.h"
#include "base/macros.h"

/* Sorted by reason (byte order); tests/unit/api/test_wire_errors.c checks it. */
/* clang-format off */
const struct wire_error wire_errors[] = {
    /* reason                               AWS status, __type              OCI status, code */
    {"AccessDeniedException",               400, NULL,                      403, "DENIED"},
    {"AgentSupersededException",            400, NULL,                      0, NULL},
    {"AttributeLimitExceededException",     400, NULL,                      0, NULL},
    {"BLOB_UNKNOWN",                        400, "LayersNotFoundException", 404, NULL},
    {"BLOB_UPLOAD_INVALID",                 400, "InvalidLayerPartException", 400, NULL},
    {"BLOB_UPLOAD_UNKNOWN",                 400, "UploadNotFoundException", 404, NULL},
    {"BlockedException",                    400, NULL,                      403, "DENIED"},
    {"ClientException",                     400, NULL,                      400, "UNSUPPORTED"},
    {"ClusterContainsContainerInstancesException", 400, NULL,               0, NULL},
    {"ClusterContainsServicesException",    400, NULL,                      0, NULL},
    {"ClusterContainsTasksException",       400, NULL,                      0, NULL},
    {"ClusterNotFoundException",            400, NULL,                      0, NULL},
    {"ConcurrentModification",              400, NULL,                      0, NULL},
    {"ConflictException",                   400, NULL,                      409, "UNSUPPORTED"},
    {"DENIED",                              400, "AccessDeniedException",   403, NULL},
    {"DIGEST_INVALID",                      400, "InvalidParameterException", 400, NULL},
    {"DecryptionFailure",                   400, NULL,                      0, NULL},
    {"DeleteConflict",                      400, NULL,                      0, NULL},
    {"DiskFull",                            500, "ServerException",         507, "UNKNOWN"},
    {"DiskReadOnly",                        500, "ServerException",         507, "UNKNOWN"},
    {"EmptyUploadException",                400, NULL,                      400, "BLOB_UPLOAD_INVALID"},
    {"EntityAlreadyExists",                 400, NULL,                      0, NULL},
    {"ExclusionAlreadyExistsException",     400, NULL,                      0, NULL},
    {"ExclusionNotFoundException",          400, NULL,                      0, NULL},
    {"ExpiredTokenException",               400, NULL,                      401, "UNAUTHORIZED"},
    {"HierarchyLevelLimitExceededException",400, NULL,                      0, NULL},
    {"HierarchyTypeMismatchException",      400, NULL,                      0, NULL},
    {"IDPRejectedClaim",                    400, NULL,                      0, NULL},
    {"ImageAlreadyExistsException",         400, NULL,                      400, "MANIFEST_INVALID"},
    {"ImageDigestDoesNotMatchException",    400, NULL,                      400, "DIGEST_INVALID"},
    {"ImageNotFoundException",              400, NULL,                      404, "MANIFEST_UNKNOWN"},
    {"ImageReferencedByManifestList",       400, "InvalidParameterException", 400, "DENIED"},
    {"ImageStorageClassUpdateNotSupportedException", 400, NULL,             0, NULL},
    {"ImageTagAlreadyExistsException",      400, NULL,                      400, "TAG_INVALID"},
    {"IncompleteSignatureException",        400, NULL,                      401, "UNAUTHORIZED"},
    {"InstanceDeregisteredException",       400, NULL,                      0, NULL},
    {"InternalFailure",                     500, NULL,                      500, "UNKNOWN"},
    {"InvalidActivation",                   400, NULL,                      0, NULL},
    {"InvalidActivationId",                 400, NULL,                      0, NULL},
    {"InvalidFilterKey",                    400, NULL,                      0, NULL},
    {"InvalidFilterOption",                 400, NULL,                      0, NULL},
    {"InvalidFilterValue",                  400, NULL,                      0, NULL},
    {"InvalidIdentityToken",                400, NULL,                      0, NULL},
    {"InvalidInput",                        400, NULL,                      0, NULL},
    {"InvalidInstanceId",                   400, NULL,                      0, NULL},
    {"InvalidLayerException",               400, NULL,                      400, "BLOB_UPLOAD_INVALID"},
    {"InvalidLayerPartException",           400, NULL,                      416, "BLOB_UPLOAD_INVALID"},
    {"InvalidNextToken",                    400, NULL,                      0, NULL},
    {"InvalidNextTokenException",           400, NULL,                      0, NULL},
    {"InvalidParameterException",           400, NULL,                      400, "NAME_INVALID"},
    {"InvalidRequestException",             400, NULL,                      0, NULL},
    {"InvalidResourceId",                   400, NULL,                      0, NULL},
    {"InvalidResourceType",                 400, NULL,                      0, NULL},
    {"InvalidSignatureException",           400, NULL,                      401, "UNAUTHORIZED"},
    {"InvalidTagParameterException",        400, NULL,                      400, "TAG_INVALID"},
    {"LayerAlreadyExistsException",         400, NULL,                      400, "BLOB_UPLOAD_INVALID"},
    {"LayerInaccessibleException",          400, NULL,                      404, "BLOB_UNKNOWN"},
    {"LayerPartTooSmallException",          400, NULL,                      400, "BLOB_UPLOAD_INVALID"},
    {"LayersNotFoundException",             400, NULL,                      400, "MANIFEST_BLOB_UNKNOWN"},
    {"LifecyclePolicyNotFoundException",    400, NULL,                      0, NULL},
    {"LifecyclePolicyPreviewInProgressException", 400, NULL,                0, NULL},
    {"LifecyclePolicyPreviewNotFoundException", 400, NULL,                  0, NULL},
    {"LimitExceeded",                       400, NULL,                      0, NULL},
    {"LimitExceededException",              400, NULL,                      429, "TOOMANYREQUESTS"},
    {"MANIFEST_BLOB_UNKNOWN",               400, "LayersNotFoundException", 400, NULL},
    {"MANIFEST_INVALID",                    400, "InvalidParameterException", 400, NULL},
    {"MANIFEST_TOO_LARGE",                  400, "InvalidParameterException", 413, "MANIFEST_INVALID"},
    {"MANIFEST_UNKNOWN",                    400, "ImageNotFoundException",  404, NULL},
    {"MANIFEST_UNVERIFIED",                 400, "InvalidParameterException", 400, NULL},
    {"MalformedPolicyDocument",             400, NULL,                      0, NULL},
    {"MalformedPolicyFile",                 400, NULL,                      0, NULL},
    {"MalformedQueryException",             400, NULL,                      0, NULL},
    {"MissingAuthenticationTokenException", 403, NULL,                      401, "UNAUTHORIZED"},
    {"MissingParameter",                    400, NULL,                      0, NULL},
    {"MissingVersionException",             400, NULL,                      0, NULL},
    {"NAME_INVALID",                        400, "InvalidParameterException", 400, NULL},
    {"NAME_UNKNOWN",                        400, "RepositoryNotFoundException", 404, NULL},
    {"NamespaceNotFoundException",          400, NULL,                      0, NULL},
    {"NoSuchEntity",                        400, NULL,                      404, "NAME_UNKNOWN"},
    {"NoUpdateAvailableException",          400, NULL,                      0, NULL},
    {"PAGINATION_NUMBER_INVALID",           400, "InvalidParameterException", 400, NULL},
    {"PackedPolicyTooLarge",                400, NULL,                      0, NULL},
    {"ParameterAlreadyExists",              400, NULL,                      0, NULL},
    {"ParameterNotFound",                   400, NULL,                      0, NULL},
    {"ParameterVersionNotFound",            400, NULL,                      0, NULL},
    {"PlatformTaskDefinitionIncompatibilityException", 400, NULL,           0, NULL},
    {"PlatformUnknownException",            400, NULL,                      0, NULL},
    {"PullThroughCacheRuleNotFoundException", 400, NULL,                    0, NULL},
    {"QUERY_INVALID",                       400, "InvalidParameterException", 400, NULL},
    {"QuotaExceededException",              400, "LimitExceededException",  403, "DENIED"},
    {"RANGE_INVALID",                       400, "InvalidLayerPartException", 416, NULL},
    {"ReferencedImagesNotFoundException",   400, NULL,                      400, "MANIFEST_BLOB_UNKNOWN"},
    {"RegistryNotFoundException",           400, NULL,                      0, NULL},
    {"RegistryPolicyNotFoundException",     400, NULL,                      0, NULL},
    {"ReplicationBackfillNotFoundException", 400, NULL,                     0, NULL},
    {"RepositoryAlreadyExistsException",    400, NULL,                      409, "NAME_INVALID"},
    {"RepositoryCatalogDataNotFoundException", 400, NULL,                   0, NULL},
    {"RepositoryNotEmptyException",         400, NULL,                      409, "UNSUPPORTED"},
    {"RepositoryNotFoundException",         400, NULL,                      404, "NAME_UNKNOWN"},
    {"RepositoryPolicyNotFoundException",   400, NULL,                      0, NULL},
    {"RequestEntityTooLarge",               413, NULL,                      413, "SIZE_INVALID"},
    {"ResourceAlreadyExistsException",      400, NULL,                      0, NULL},
    {"ResourceExistsException",             400, NULL,                      0, NULL},
    {"ResourceInUseException",              400, NULL,                      409, "UNSUPPORTED"},
    {"ResourceNotFoundException",           400, NULL,                      404, "NAME_UNKNOWN"},
    {"RobotUnverified",                     503, "ServiceUnavailableException", 503, "UNAVAILABLE"},
    {"SIZE_INVALID",                        400, "InvalidParameterException", 400, NULL},
    {"ScanNotFoundException",               400, NULL,                      0, NULL},
    {"SerializationException",              400, NULL,                      400, "MANIFEST_INVALID"},
    {"ServerException",                     500, NULL,                      500, "UNKNOWN"},
    {"ServiceDeploymentNotFoundException",  400, NULL,                      0, NULL},
    {"ServiceNotActiveException",           400, NULL,                      0, NULL},
    {"ServiceNotFoundException",            400, NULL,                      0, NULL},
    {"ServiceUnavailableException",         503, NULL,                      503, "UNAVAILABLE"},
    {"SigningConfigurationNotFoundException", 400, NULL,                    0, NULL},
    {"TAG_INVALID",                         400, "InvalidParameterException", 400, NULL},
    {"TOOMANYREQUESTS",                     400, "ThrottlingException",     429, NULL},
    {"TargetNotConnectedException",         400, NULL,                      0, NULL},
    {"TargetNotFoundException",             400, NULL,                      0, NULL},
    {"TaskSetNotFoundException",            400, NULL,                      0, NULL},
    {"TemplateAlreadyExistsException",      400, NULL,                      0, NULL},
    {"TemplateNotFoundException",           400, NULL,                      0, NULL},
    {"ThrottlingException",                 400, NULL,                      429, "TOOMANYREQUESTS"},
    {"TooManyTagsError",                    400, NULL,                      0, NULL},
    {"TooManyTagsException",                400, NULL,                      400, "TAG_INVALID"},
    {"UNAUTHORIZED",                        400, "UnrecognizedClientException", 401, NULL},
    {"UNAVAILABLE",                         503, "ServiceUnavailableException", 503, NULL},
    {"UNSUPPORTED",                         400, "UnsupportedFeatureException", 405, NULL},
    {"UnknownOperationException",           400, NULL,                      405, "UNSUPPORTED"},
    {"UnmodifiableEntity",                  400, NULL,                      0, NULL},
    {"UnrecognizedClientException",         400, NULL,                      401, "UNAUTHORIZED"},
    {"UnsupportedFeatureException",         400, NULL,                      405, "UNSUPPORTED"},
    {"UnsupportedImageTypeException",       400, NULL,                      400, "MANIFEST_INVALID"},
    {"UnsupportedMediaType",                400, "SerializationException",  415, "MANIFEST_INVALID"},
    {"UpdateInProgressException",           400, NULL,                      0, NULL},
    {"UploadNotFoundException",             400, NULL,                      404, "BLOB_UPLOAD_UNKNOWN"},
    {"ValidationError",                     400, NULL,                      400, "NAME_INVALID"},
    {"ValidationException",                 400, NULL,                      400, "NAME_INVALID"},
    {"WebIdentityTokenExpired",             400, "ExpiredTokenException",   0, NULL},
};
/* clang-format on */
const size_t wire_errors_n = SW_ARRAY_LEN(wire_errors);

/* The query protocol's names and statuses of the types above ("Common errors" of IAM and STS, and their operations' own lists);
 * sorted by type. A type that is not here goes out as it is. */
/* clang-format off */
static const struct query_error {
    const char *type; /* or a reason */
    int status;
    const char *code;
} query_errors[] = {
    {"AccessDeniedException",               403, "AccessDenied"},
    {"ConcurrentModification",              409, "ConcurrentModification"},
    {"ConflictException",                   409, "Conflict"},
    {"DeleteConflict",                      409, "DeleteConflict"},
    {"EntityAlreadyExists",                 409, "EntityAlreadyExists"},
    {"EntityTemporarilyUnmodifiable",       409, "EntityTemporarilyUnmodifiable"},
    {"ExpiredTokenException",               403, "ExpiredToken"},
    {"IDPRejectedClaim",                    403, "IDPRejectedClaim"},
    {"IncompleteSignatureException",        400, "IncompleteSignature"},
    {"InternalFailure",                     500, "InternalFailure"},
    {"InvalidParameterException",           400, "ValidationError"},
    {"InvalidSignatureException",           403, "SignatureDoesNotMatch"},
    {"LimitExceeded",                       409, "LimitExceeded"},
    {"LimitExceededException",              409, "LimitExceeded"},
    {"MissingAuthenticationTokenException", 403, "MissingAuthenticationToken"},
    {"NoSuchEntity",                        404, "NoSuchEntity"},
    {"ResourceNotFoundException",           404, "NoSuchEntity"},
    {"SerializationException",              400, "MalformedInput"},
    {"ServerException",                     500, "InternalFailure"},
    {"ServiceUnavailableException",         503, "ServiceUnavailable"},
    {"ThrottlingException",                 400, "Throttling"},
    {"UnknownOperationException",           400, "InvalidAction"},
    {"UnmodifiableEntity",                  400, "UnmodifiableEntity"},
    {"UnrecognizedClientException",         403, "InvalidClientTokenId"},
    {"UnsupportedFeatureException",         400, "UnsupportedOperation"},
    {"WebIdentityTokenExpired",             400, "ExpiredTokenException"},
};
/* clang-format on */

/* For errors without a reason, or with one of the other protocol. */
static const struct wire_error by_code[] = {
    [-SW_ENOTFOUND] = {"", 400, "ResourceNotFoundException", 404, "NAME_UNKNOWN"},
    [-SW_ECONFLICT] = {"", 400, "ConflictException", 409, "UNSUPPORTED"},
    [-SW_EINVALID] = {"", 400, "InvalidParameterException", 400, "UNSUPPORTED"},
    [-SW_EDENIED] = {"", 400, "AccessDeniedException", 403, "DENIED"},
    [-SW_ELIMIT] = {"", 400, "LimitExceededException", 413, "SIZE_INVALID"},
    [-SW_EMISMATCH] = {"", 400, "InvalidParameterException", 400, "DIGEST_INVALID"},
    [-SW_EUNAVAILABLE] = {"", 503, "ServiceUnavailableException", 503, "UNAVAILABLE"},
    [-SW_ESTALE] = {"", 400, "ConflictException", 409, "UNSUPPORTED"},
    [-SW_EIO] = {"", 500, "ServerException", 500, "UNKNOWN"},
    [-SW_EINTERNAL] = {"", 500, "ServerException", 500, "UNKNOWN"},
    [-SW_EUNSUPPORTED] = {"", 400, "UnsupportedFeatureException", 405, "UNSUPPORTED"},
};

static int compare(const void *key, const void *row)
{
    return strcmp(key, ((const struct wire_error *)row)->reason);
}

static const struct wire_error *find_by_code(int code)
{
    if (code >= 0 || (size_t)-code >= SW_ARRAY_LEN(by_code))
        code = SW_EINTERNAL;
    return &by_code[-code];
}

const struct wire_error *wire_error_find(const struct sw_err *err)
{
    const struct wire_error *row = NULL;

    if (err->reason)
        row = bsearch(err->reason, wire_errors, wire_errors_n, sizeof(wire_errors[0]), compare);
    return row ? row : find_by_code(err->code);
}

/* What goes out: the row's half of the protocol, else the code's. */
static void wire_form(const struct sw_err *err, bool oci, int *ret_status, const char **ret_code)
{
    const struct wire_error *row = wire_error_find(err);

    if ((oci ? row->oci_status : row->aws_status) == 0)
        row = find_by_code(err->code);
    const char *code = oci ? row->oci_code : row->aws_type;
    *ret_status = oci ? row->oci_status : row->aws_status;
    *ret_code = code ? code : row->reason;
}

/* Failures of ours say nothing about our insides; the log has the text under the request id, which is a header of the answer.
 * A full or read-only disk is worth telling: whoever pushes can do something about it, or knows that nothing was wrong with it. */
static const char *public_message(const struct sw_err *err)
{
    bool internal = err->code == SW_EIO || err->code == SW_EINTERNAL || err->code == 0;

    if (sw_streq(err->reason, "DiskFull"))
        return "no space left on the storage device";
    if (sw_streq(err->reason, "DiskReadOnly"))
        return "the storage device is read-only at the moment";
    return internal ? "internal failure; the request id finds it in the server's log" : err->msg;
}

void wire_log(const struct http_req *req, const struct sw_err *err)
{
    bool internal = err->code == SW_EIO || err->code == SW_EINTERNAL;

    if (internal || sw_streq(err->reason, "DiskFull"))
        sw_log_err(SW_LOG_ERROR, "request_failed", err, "request_id", req->id, "route", req->route,
                   NULL);
}

/* A message may quote a peer, and may have been cut in the middle of a character: only valid UTF-8 leaves. */
static void add_clean(struct sw_buf *clean, const char *text)
{
    size_t left = strlen(text), n;

    for (; left > 0; text += n, left -= n) {
        n = sw_utf8_sequence(text, left);
        if (n == 0) {
            n = 1;
            sw_buf_add_char(clean, '?');
        } else {
            sw_buf_add(clean, text, n);
        }
    }
}

static void set_text(json_t *object, const char *key, const char *text)
{
    struct sw_buf clean = SW_BUF_INIT(4096);

    add_clean(&clean, text);
    sw_json_set_str(object, key, clean.n ? clean.p : "");
    sw_buf_done(&clean);
}

static void set_json(struct http_res *res, struct json_t *doc)
{
    char *text = sw_json_dump(doc);

    http_res_borrow(res, text, strlen(text), free, text);
}

static json_t *oci_entry(const struct sw_err *err, int *ret_status)
{
    const char *code;
    json_t *one = json_object();

    wire_form(err, true, ret_status, &code);
    sw_json_set_str(one, "code", code);
    set_text(one, "message", public_message(err));
    if (err->detail[0])
        set_text(one, "detail", err->detail);
    return one;
}

void wire_oci_errors(struct http_res *res, const struct sw_err *errs, size_t n)
{
    sw_autojson json_t *doc = json_object();
    json_t *list = json_array();

    for (size_t i = 0; i < n; i++) {
        int status;
        json_array_append_new(list, oci_entry(&errs[i], &status));
        if (i == 0)
            res->status = status;
    }
    sw_json_set_new(doc, "errors", list);
    http_res_set(res, "Content-Type", "application/json");
    set_json(res, doc);
}

void wire_oci_error(struct http_res *res, const struct sw_err *err)
{
    wire_oci_errors(res, err, 1);
}

void wire_aws_error(struct http_res *res, const struct sw_err *err)
{
    wire_aws_error_with(res, err, NULL);
}

void wire_aws_error_with(struct http_res *res, const struct sw_err *err, const json_t *more)
{
    const char *type;
    sw_autojson json_t *doc = json_object();

    wire_form(err, false, &res->status, &type);
    sw_json_set_str(doc, "__type", type);
    set_text(doc, "message", public_message(err));
    if (more)
        (void)json_object_update_missing(doc, (json_t *)more);
    http_res_set(res, "Content-Type", "application/x-amz-json-1.1");
    http_res_set(res, "x-amzn-ErrorType", "%s", type);
    set_json(res, doc);
}

static int compare_type(const void *key, const void *row)
{
    return strcmp(key, ((const struct query_error *)row)->type);
}

static const struct query_error *find_query(const char *type)
{
    return bsearch(type, query_errors, SW_ARRAY_LEN(query_errors), sizeof(query_errors[0]),
                   compare_type);
}

void wire_query_form(const struct sw_err *err, int *ret_status, const char **ret_code)
{
    wire_form(err, false, ret_status, ret_code);
    const struct query_error *row = find_query(err->reason ? err->reason : "");
    if (!row)
        row = find_query(*ret_code);
    if (row) {
        *ret_status = row->status;
        *ret_code = row->code;
    }
}

void wire_public_text(const struct sw_err *err, char *out, size_t cap)
{
    SW_CLEANUP(sw_buf_done) struct sw_buf clean = SW_BUF_INIT(4096);

    add_clean(&clean, public_message(err));
    (void)snprintf(out, cap, "%s", clean.n ? clean.p : "");
}
