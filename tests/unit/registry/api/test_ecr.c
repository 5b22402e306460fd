/* SPDX-License-Identifier: Apache-2.0 */
/* The ECR operations, called as the AWS edge calls them: document, schema, handler, reply check. */
#include "registry/api/ecr.h"

#include "base/encode.h"
#include "tests/unit/registry/http.h"

struct ecr {
    struct client c;
    struct ecr_api *api;
    struct aws_service *service;
};

static void ecr_close(struct ecr *e)
{
    ecr_api_free(e->api);
    client_close(&e->c);
}
#define autoecr SW_CLEANUP(ecr_close) struct ecr

static void ecr_open(struct ecr *e)
{
    client_open(&e->c);
    struct ecr_api_options o = {
        .registry = e->c.w.reg, .keyring = e->c.w.keyring, .account = ACCOUNT};
    e->api = ecr_api_new(&o);
    e->service = ecr_aws_service(e->api);
}

static const struct aws_op *find(struct ecr *e, const char *name)
{
    for (size_t i = 0; i < e->service->ops_n; i++)
        if (strcmp(e->service->ops[i].name, name) == 0)
            return &e->service->ops[i];
    test_fail(__FILE__, __LINE__, "no operation %s", name);
}

static int call_as(struct ecr *e, const struct principal *p, const char *op_name, const char *input,
                   json_t **ret, struct sw_err *err)
{
    const struct aws_op *op = find(e, op_name);
    struct http_header host = {"Host", "localhost:5000"};
    struct http_req req = {.headers = &host, .headers_n = 1, .peer_ip = "127.0.0.1"};
    sw_autojson json_t *doc = NULL, *out = json_object();
    CHECK_OK_IN(sw_json_load(sw_str(input), 32, 10000, NULL, &doc, err), err);
    struct aws_call call = {.service = e->service,
                            .op = op,
                            .req = &req,
                            .principal = *p,
                            .region = REGION,
                            .now_us = sw_now_us(),
                            .input = doc};
    call.context = (struct policy_context){.account = call.principal.account};
    sw_autofree void *bound = sw_calloc(1, op->in_size + 1);
    int r = schema_validate(op->in, doc, e->service->invalid_reason, op->in_size ? bound : NULL,
                            op->in_size, err);
    if (r == 0)
        r = op->fn(&call, bound, out, err);
    if (r < 0)
        return r;
    CHECK(call.authorized);
    CHECK_OK_IN(schema_check_output(op->out, out, err), err);
    *ret = json_incref(out);
    return 0;
}

#define CALL(e, op, input)                                           \
    ({                                                               \
        struct sw_err err = SW_ERR_INIT;                             \
        json_t *out_ = NULL;                                         \
        CHECK_OK(call_as(e, &(e)->c.admin, op, input, &out_, &err)); \
        out_;                                                        \
    })
#define CALL_ERR(e, op, input, reason_)                             \
    do {                                                            \
        struct sw_err err = SW_ERR_INIT;                            \
        json_t *out_ = NULL;                                        \
        int r_ = call_as(e, &(e)->c.admin, op, input, &out_, &err); \
        json_decref(out_);                                          \
        CHECK_MSG(r_ < 0, "%s accepted %s", op, input);             \
        CHECK_EQ_STR(err.reason, reason_);                          \
    } while (0)
/* Runs and checks the compact text of the reply's member. */
#define CHECK_REPLY(e, op, input, member, want)                                          \
    do {                                                                                 \
        sw_autojson json_t *reply_ = CALL(e, op, input);                                 \
        sw_autofree char *text_ =                                                        \
            json_dumps(json_object_get(reply_, member), JSON_COMPACT | JSON_ENCODE_ANY); \
        CHECK_EQ_STR(text_, want);                                                       \
    } while (0)

TEST(tables_are_sorted_and_complete)
{
    autoecr e = {0};
    ecr_open(&e);
    for (size_t i = 1; i < e.service->ops_n; i++)
        CHECK(strcmp(e.service->ops[i - 1].name, e.service->ops[i].name) < 0);
    for (size_t i = 0; i < e.service->ops_n; i++) {
        CHECK_EQ_STR(e.service->ops[i].action, fmt("ecr:%s", e.service->ops[i].name));
        for (size_t k = 0; e.service->unimplemented && e.service->unimplemented[k]; k++)
            CHECK(strcmp(e.service->unimplemented[k], e.service->ops[i].name) != 0);
        json_decref(schema_describe(e.service->ops[i].in));
    }
}

TEST(every_operation_asks_first)
{
    autoecr e = {0};
    struct principal user;
    char token[TOKEN_MAX];
    ecr_open(&e);
    add_user(&e.c, "ann", PRINCIPAL_USER, &user, token);
    static const char *const named = "{\"repositoryName\":\"no/such\"}";
    static const struct {
        const char *op, *input;
    } rows[] = {
        {"GetAuthorizationToken", "{}"},
        {"CreateRepository", NULL},
        {"DescribeRepositories", "{}"},
        {"DescribeRepositories", "{\"repositoryNames\":[\"no/such\"]}"},
        {"DeleteRepository", NULL},
        {"ListImages", NULL},
        {"DescribeImages", NULL},
        {"BatchGetImage", "{\"repositoryName\":\"no/such\",\"imageIds\":[{\"imageTag\":\"a\"}]}"},
        {"BatchDeleteImage",
         "{\"repositoryName\":\"no/such\",\"imageIds\":[{\"imageTag\":\"a\"}]}"},
        {"PutImage", "{\"repositoryName\":\"no/such\",\"imageManifest\":\"{}\"}"},
        {"BatchCheckLayerAvailability",
         "{\"repositoryName\":\"no/such\",\"layerDigests\":[\"x\"]}"},
        {"PutImageTagMutability",
         "{\"repositoryName\":\"no/such\",\"imageTagMutability\":\"MUTABLE\"}"},
        {"PutImageScanningConfiguration",
         "{\"repositoryName\":\"no/such\",\"imageScanningConfiguration\":{}}"},
        {"TagResource",
         "{\"resourceArn\":\"arn:aws:ecr:us-east-1:000000000000:repository/no/such\",\"tags\":[]}"},
        {"UntagResource", "{\"resourceArn\":\"arn:aws:ecr:us-east-1:000000000000:repository/no/"
                          "such\",\"tagKeys\":[]}"},
        {"ListTagsForResource",
         "{\"resourceArn\":\"arn:aws:ecr:us-east-1:000000000000:repository/no/such\"}"},
        {"DescribeRegistry", "{}"},
    };
    for (size_t i = 0; i < SW_ARRAY_LEN(rows); i++) {
        struct sw_err err = SW_ERR_INIT;
        json_t *out = NULL;
        CHECK_ERR(call_as(&e, &user, rows[i].op, rows[i].input ? rows[i].input : named, &out, &err),
                  SW_EDENIED, "AccessDeniedException");
    }
}

TEST(create_describe_and_delete_repository)
{
    autoecr e = {0};
    ecr_open(&e);
    sw_autojson json_t *made =
        CALL(&e, "CreateRepository",
             "{\"repositoryName\":\"team/app\",\"tags\":[{\"Key\":\"a\",\"Value\":\"b\"}],"
             "\"imageScanningConfiguration\":{\"scanOnPush\":true}}");
    const json_t *repo = json_object_get(made, "repository");
    CHECK_EQ_STR(sw_json_str(repo, "repositoryArn", ""),
                 "arn:aws:ecr:us-east-1:000000000000:repository/team/app");
    CHECK_EQ_STR(sw_json_str(repo, "repositoryUri", ""), "localhost:5000/team/app");
    CHECK_EQ_STR(sw_json_str(repo, "registryId", ""), ACCOUNT);
    CHECK_EQ_STR(sw_json_str(repo, "imageTagMutability", ""), "MUTABLE");
    CHECK(sw_json_bool(json_object_get(repo, "imageScanningConfiguration"), "scanOnPush", false));
    CHECK(json_is_number(json_object_get(repo, "createdAt")));
    sw_autojson json_t *seen =
        CALL(&e, "DescribeRepositories", "{\"repositoryNames\":[\"team/app\"]}");
    CHECK(json_equal(json_array_get(json_object_get(seen, "repositories"), 0), repo));
    CALL_ERR(&e, "CreateRepository", "{\"repositoryName\":\"team/app\"}",
             "RepositoryAlreadyExistsException");
    CALL_ERR(&e, "CreateRepository", "{\"repositoryName\":\"Team\"}", "InvalidParameterException");
    CALL_ERR(&e, "CreateRepository", "{\"repositoryName\":\"a\"}", "InvalidParameterException");
    CALL_ERR(&e, "CreateRepository", "{\"repositoryName\":\"ok\",\"nope\":1}",
             "InvalidParameterException");
    CALL_ERR(&e, "CreateRepository",
             "{\"repositoryName\":\"ok\",\"encryptionConfiguration\":{\"encryptionType\":\"KMS\"}}",
             "UnsupportedFeatureException");
    CALL_ERR(&e, "CreateRepository",
             "{\"repositoryName\":\"ok\",\"tags\":[{\"Key\":\"aws:x\",\"Value\":\"\"}]}",
             "InvalidTagParameterException");
    CALL_ERR(&e, "DescribeRepositories", "{\"repositoryNames\":[\"ok\"]}",
             "RepositoryNotFoundException");
    CALL_ERR(&e, "DescribeRepositories", "{\"registryId\":\"111111111111\"}",
             "AccessDeniedException");
    json_decref(CALL(&e, "DeleteRepository", "{\"repositoryName\":\"team/app\"}"));
    CALL_ERR(&e, "DeleteRepository", "{\"repositoryName\":\"team/app\"}",
             "RepositoryNotFoundException");
}

TEST(repositories_come_in_pages)
{
    autoecr e = {0};
    ecr_open(&e);
    world_repo(&e.c.w, "r1");
    world_repo(&e.c.w, "r2");
    world_repo(&e.c.w, "r3");
    sw_autojson json_t *first = CALL(&e, "DescribeRepositories", "{\"maxResults\":2}");
    CHECK_EQ_UINT(json_array_size(json_object_get(first, "repositories")), 2);
    const char *token = sw_json_str(first, "nextToken", "");
    sw_autojson json_t *second =
        CALL(&e, "DescribeRepositories", fmt("{\"maxResults\":2,\"nextToken\":\"%s\"}", token));
    CHECK_EQ_UINT(json_array_size(json_object_get(second, "repositories")), 1);
    CHECK(!json_object_get(second, "nextToken"));
    CALL_ERR(&e, "DescribeRepositories", "{\"nextToken\":\"forged!\"}",
             "InvalidParameterException");
}

TEST(a_repository_with_images_needs_force)
{
    autoecr e = {0};
    ecr_open(&e);
    world_repo(&e.c.w, "app");
    push_image(&e.c, "app", "v1", "layer", image_of("layer", ""));
    CALL_ERR(&e, "DeleteRepository", "{\"repositoryName\":\"app\"}", "RepositoryNotEmptyException");
    json_decref(CALL(&e, "DeleteRepository", "{\"repositoryName\":\"app\",\"force\":true}"));
    REFUSED(404, "NAME_UNKNOWN", &e.c, HTTP_GET, "/v2/app/manifests/v1");
}

TEST(the_authorization_token_logs_in)
{
    autoecr e = {0};
    ecr_open(&e);
    sw_autojson json_t *out = CALL(&e, "GetAuthorizationToken", "{}");
    const json_t *data = json_array_get(json_object_get(out, "authorizationData"), 0);
    CHECK_EQ_STR(sw_json_str(data, "proxyEndpoint", ""), "http://localhost:5000");
    CHECK(json_is_number(json_object_get(data, "expiresAt")));
    char plain[2048];
    size_t n;
    CHECK(sw_unbase64(sw_str(sw_json_str(data, "authorizationToken", "")), plain, sizeof(plain) - 1,
                      &n));
    plain[n] = 0;
    CHECK(strncmp(plain, "AWS:", 4) == 0);
    CHECK_NULL(strchr(plain + 4, ':'));
    EXPECT(200, &e.c, HTTP_GET, "/v2/", .token = plain + 4);
    sw_autojson json_t *other =
        CALL(&e, "GetAuthorizationToken", "{\"registryIds\":[\"111111111111\"]}");
    data = json_array_get(json_object_get(other, "authorizationData"), 0);
    CHECK_EQ_STR(sw_json_str(data, "proxyEndpoint", ""),
                 "http://111111111111.dkr.ecr.us-east-1.localhost:5000");
}

TEST(images_are_listed_described_and_got)
{
    autoecr e = {0};
    ecr_open(&e);
    world_repo(&e.c.w, "app");
    const char *m = image_of("layer", ""), *u = image_of("other", "");
    push_image(&e.c, "app", "v1", "layer", m);
    push_image(&e.c, "app", "v2", "layer", m);
    push_image(&e.c, "app", SHA(u), "other", u);
    CHECK_REPLY(&e, "ListImages",
                "{\"repositoryName\":\"app\",\"filter\":{\"tagStatus\":\"UNTAGGED\"}}", "imageIds",
                fmt("[{\"imageDigest\":\"%s\"}]", SHA(u)));
    CHECK_REPLY(&e, "ListImages",
                "{\"repositoryName\":\"app\",\"filter\":{\"tagStatus\":\"TAGGED\"}}", "imageIds",
                fmt("[{\"imageDigest\":\"%s\",\"imageTag\":\"v1\"},{\"imageDigest\":\"%s\","
                    "\"imageTag\":\"v2\"}]",
                    SHA(m), SHA(m)));
    sw_autojson json_t *d = CALL(
        &e, "DescribeImages", "{\"repositoryName\":\"app\",\"imageIds\":[{\"imageTag\":\"v1\"}]}");
    const json_t *detail = json_array_get(json_object_get(d, "imageDetails"), 0);
    CHECK_EQ_STR(sw_json_str(detail, "imageDigest", ""), SHA(m));
    CHECK_EQ_INT(sw_json_int(detail, "imageSizeInBytes", 0), 7);
    CHECK_EQ_UINT(json_array_size(json_object_get(detail, "imageTags")), 2);
    CHECK_EQ_STR(sw_json_str(detail, "imageManifestMediaType", ""), OCI_IMAGE);
    CHECK_EQ_STR(sw_json_str(detail, "artifactMediaType", ""), "application/x.config");
    sw_autojson json_t *all = CALL(&e, "DescribeImages", "{\"repositoryName\":\"app\"}");
    CHECK_EQ_UINT(json_array_size(json_object_get(all, "imageDetails")), 2);
    CALL_ERR(&e, "DescribeImages",
             "{\"repositoryName\":\"app\",\"imageIds\":[{\"imageTag\":\"nope\"}]}",
             "ImageNotFoundException");
    sw_autojson json_t *got = CALL(&e, "BatchGetImage",
                                   fmt("{\"repositoryName\":\"app\",\"imageIds\":[{\"imageTag\":"
                                       "\"v1\"},{\"imageTag\":\"nope\"},{},"
                                       "{\"imageDigest\":\"bad\"},{\"imageTag\":\"-\"},{"
                                       "\"imageTag\":\"v1\",\"imageDigest\":\"%s\"}]}",
                                       SHA(u)));
    CHECK_EQ_UINT(json_array_size(json_object_get(got, "images")), 1);
    CHECK_EQ_STR(
        sw_json_str(json_array_get(json_object_get(got, "images"), 0), "imageManifest", ""), m);
    static const char *const codes[] = {"ImageNotFound", "MissingDigestAndTag",
                                        "InvalidImageDigest", "InvalidImageTag",
                                        "ImageTagDoesNotMatchDigest"};
    for (size_t i = 0; i < SW_ARRAY_LEN(codes); i++)
        CHECK_EQ_STR(
            sw_json_str(json_array_get(json_object_get(got, "failures"), i), "failureCode", ""),
            codes[i]);
    CALL_ERR(&e, "BatchGetImage", "{\"repositoryName\":\"app\",\"imageIds\":[]}",
             "InvalidParameterException");
    CALL_ERR(&e, "ListImages", "{\"repositoryName\":\"no/such\"}", "RepositoryNotFoundException");
}

TEST(image_ids_page_inside_an_image)
{
    autoecr e = {0};
    ecr_open(&e);
    world_repo(&e.c.w, "app");
    const char *m = image_of("layer", ""), *u = image_of("other", "");
    for (int i = 0; i < 5; i++)
        push_image(&e.c, "app", fmt("t%d", i), "layer", m);
    push_image(&e.c, "app", SHA(u), "other", u);
    char token[AWS_PAGE_TOKEN_MAX] = "";
    char seen[8] = "";
    size_t n = 0, pages = 0;
    do {
        const char *next = *token ? fmt(",\"nextToken\":\"%s\"", token) : "";
        sw_autojson json_t *out =
            CALL(&e, "ListImages", fmt("{\"repositoryName\":\"app\",\"maxResults\":2%s}", next));
        const json_t *ids = json_object_get(out, "imageIds");
        for (size_t i = 0; i < json_array_size(ids); i++) {
            const char *tag = sw_json_str(json_array_get(ids, i), "imageTag", "-");
            seen[n++] = tag[strlen(tag) - 1];
        }
        (void)snprintf(token, sizeof(token), "%s", sw_json_str(out, "nextToken", ""));
        pages++;
    } while (*token && pages < 10);
    CHECK_EQ_UINT(n, 6);
    CHECK_EQ_UINT(pages, 3);
    CHECK(strstr(seen, "01234") != NULL);
}

TEST(batch_delete_image_follows_ecrs_rules)
{
    autoecr e = {0};
    ecr_open(&e);
    world_repo(&e.c.w, "app");
    const char *m = image_of("layer", "");
    push_image(&e.c, "app", "v1", "layer", m);
    push_image(&e.c, "app", "v2", "layer", m);
    const char *index =
        fmt("{\"schemaVersion\":2,\"mediaType\":\"" OCI_INDEX
            "\",\"manifests\":[{\"mediaType\":\"" OCI_IMAGE "\",\"digest\":\"%s\",\"size\":%zu}]}",
            SHA(m), strlen(m));
    EXPECT(201, &e.c, HTTP_PUT, "/v2/app/manifests/multi", .body = index, .body_n = strlen(index),
           .type = OCI_INDEX);
    CHECK_REPLY(&e, "BatchDeleteImage",
                "{\"repositoryName\":\"app\",\"imageIds\":[{\"imageTag\":\"v1\"}]}", "imageIds",
                fmt("[{\"imageDigest\":\"%s\",\"imageTag\":\"v1\"}]", SHA(m)));
    EXPECT(404, &e.c, HTTP_HEAD, "/v2/app/manifests/v1");
    sw_autojson json_t *kept =
        CALL(&e, "BatchDeleteImage",
             fmt("{\"repositoryName\":\"app\",\"imageIds\":[{\"imageDigest\":\"%s\"}]}", SHA(m)));
    CHECK_EQ_STR(
        sw_json_str(json_array_get(json_object_get(kept, "failures"), 0), "failureCode", ""),
        "ImageReferencedByManifestList");
    EXPECT(200, &e.c, HTTP_GET, "/v2/app/manifests/v2");
    CHECK_REPLY(&e, "BatchDeleteImage",
                "{\"repositoryName\":\"app\",\"imageIds\":[{\"imageTag\":\"multi\"},{\"imageTag\":"
                "\"v2\"}]}",
                "failures", "[]");
    EXPECT(404, &e.c, HTTP_GET,
           fmt("/v2/app/manifests/%s", SHA(m))); /* the last tag takes the image */
    CHECK_REPLY(&e, "ListImages", "{\"repositoryName\":\"app\"}", "imageIds", "[]");
}

TEST(put_image_and_immutability)
{
    autoecr e = {0};
    ecr_open(&e);
    world_repo(&e.c.w, "app");
    const char *m = image_of("layer", ""), *m2 = image_of("two", "");
    push_image(&e.c, "app", "v1", "layer", m);
    push_image(&e.c, "app", "v2", "two", m2);
    sw_autojson json_t *in = json_object();
    sw_json_set_str(in, "repositoryName", "app");
    sw_json_set_str(in, "imageManifest", m);
    sw_json_set_str(in, "imageTag", "again");
    sw_autofree char *retag = sw_json_dump(in);
    sw_autojson json_t *out = CALL(&e, "PutImage", retag);
    CHECK_EQ_STR(
        sw_json_str(json_object_get(json_object_get(out, "image"), "imageId"), "imageDigest", ""),
        SHA(m));
    CALL_ERR(&e, "PutImage", retag, "ImageAlreadyExistsException");
    CHECK_REPLY(&e, "PutImageTagMutability",
                "{\"repositoryName\":\"app\",\"imageTagMutability\":\"IMMUTABLE\"}",
                "imageTagMutability", "\"IMMUTABLE\"");
    sw_json_set_str(in, "imageTag", "v2");
    sw_autofree char *clash = sw_json_dump(in);
    CALL_ERR(&e, "PutImage", clash, "ImageTagAlreadyExistsException");
    sw_json_set_str(in, "imageDigest", SHA("x"));
    sw_autofree char *wrong = sw_json_dump(in);
    CALL_ERR(&e, "PutImage", wrong, "ImageDigestDoesNotMatchException");
    json_object_del(in, "imageDigest");
    sw_json_set_str(in, "imageManifest", image_of("never pushed", ""));
    sw_autofree char *missing = sw_json_dump(in);
    CALL_ERR(&e, "PutImage", missing, "ImageTagAlreadyExistsException");
    sw_json_set_str(in, "imageTag", "v3");
    sw_autofree char *layers = sw_json_dump(in);
    CALL_ERR(&e, "PutImage", layers, "LayersNotFoundException");
    struct sw_err told = SW_ERR_INIT;
    json_t *reply = NULL;
    CHECK(call_as(&e, &e.c.admin, "PutImage", layers, &reply, &told) < 0);
    CHECK_CONTAINS(told.msg, SHA("never pushed"));
    json_decref(reply);
    CALL_ERR(&e, "PutImage", "{\"repositoryName\":\"app\",\"imageManifest\":\"nonsense\"}",
             "MANIFEST_INVALID");
}

TEST(layers_are_available_or_not)
{
    autoecr e = {0};
    ecr_open(&e);
    world_repo(&e.c.w, "app");
    push_blob(&e.c, "app", "layer", 5);
    sw_autojson json_t *out =
        CALL(&e, "BatchCheckLayerAvailability",
             fmt("{\"repositoryName\":\"app\",\"layerDigests\":[\"%s\",\"%s\",\"x\",\"\"]}",
                 SHA("layer"), SHA("no")));
    sw_autofree char *text = json_dumps(out, JSON_COMPACT);
    CHECK_EQ_STR(
        text, fmt("{\"layers\":[{\"layerDigest\":\"%s\",\"layerAvailability\":\"AVAILABLE\","
                  "\"layerSize\":5},"
                  "{\"layerDigest\":\"%s\",\"layerAvailability\":\"UNAVAILABLE\"}],\"failures\":["
                  "{\"layerDigest\":\"x\",\"failureCode\":\"InvalidLayerDigest\",\"failureReason\":"
                  "\"Invalid layer digest\"},"
                  "{\"layerDigest\":\"\",\"failureCode\":\"MissingLayerDigest\",\"failureReason\":"
                  "\"A layer digest is missing\"}]}",
                  SHA("layer"), SHA("no")));
}

TEST(resource_tags)
{
    autoecr e = {0};
    ecr_open(&e);
    world_repo(&e.c.w, "app");
#define ARN "\"resourceArn\":\"arn:aws:ecr:us-east-1:000000000000:repository/app\""
    json_decref(CALL(&e, "TagResource",
                     "{" ARN ",\"tags\":[{\"Key\":\"a\",\"Value\":\"1\"},{\"Key\":\"b\"}]}"));
    json_decref(CALL(&e, "TagResource", "{" ARN ",\"tags\":[{\"Key\":\"a\",\"Value\":\"2\"}]}"));
    json_decref(CALL(&e, "UntagResource", "{" ARN ",\"tagKeys\":[\"b\",\"never\"]}"));
    CHECK_REPLY(&e, "ListTagsForResource", "{" ARN "}", "tags",
                "[{\"Key\":\"a\",\"Value\":\"2\"}]");
    CALL_ERR(&e, "TagResource", "{" ARN ",\"tags\":[{\"Value\":\"1\"}]}",
             "InvalidTagParameterException");
    struct sw_buf many = SW_BUF_INIT(1 << 16);
    (void)sw_buf_add_z(&many, "{" ARN ",\"tags\":[{\"Key\":\"k\",\"Value\":\"\"}");
    for (int i = 0; i < 50; i++)
        (void)sw_buf_addf(&many, ",{\"Key\":\"k%d\",\"Value\":\"\"}", i);
    (void)sw_buf_add_z(&many, "]}");
    CALL_ERR(&e, "TagResource", many.p, "TooManyTagsException");
    sw_buf_done(&many);
    CALL_ERR(&e, "ListTagsForResource",
             "{\"resourceArn\":\"arn:aws:ecr:us-east-1:000000000000:repository/none\"}",
             "RepositoryNotFoundException");
    CALL_ERR(&e, "ListTagsForResource", "{\"resourceArn\":\"app\"}", "InvalidParameterException");
}

static int damage_settings(struct meta_tx *tx, void *arg, struct sw_err *err)
{
    return meta_exec(tx, err, NULL, "UPDATE repository SET settings = $1", "t", (const char *)arg);
}

static int read_settings(struct meta_tx *tx, void *arg, struct sw_err *err)
{
    return meta_get(tx, err, "SELECT settings FROM repository", "", "t", (char **)arg);
}

TEST(settings_that_cannot_be_read_are_not_replaced)
{
    static const char *const damaged[] = {"{\"tags\":[", "[]", ""};
    autoecr e = {0};
    ecr_open(&e);
    world_repo(&e.c.w, "app");
    for (size_t i = 0; i < SW_ARRAY_LEN(damaged); i++) {
        struct sw_err err = SW_ERR_INIT;
        sw_autofree char *text = NULL;
        json_t *out = NULL;
        CHECK_OK(meta_tx(e.c.w.db, META_WRITE, damage_settings, (void *)damaged[i], &err));
        CHECK_EQ_INT(call_as(&e, &e.c.admin, "TagResource",
                             "{" ARN ",\"tags\":[{\"Key\":\"a\",\"Value\":\"1\"}]}", &out, &err),
                     SW_EINTERNAL);
        sw_err_clear(&err);
        json_decref(out);
        out = NULL;
        CHECK_EQ_INT(call_as(&e, &e.c.admin, "PutImageScanningConfiguration",
                             "{\"repositoryName\":\"app\",\"imageScanningConfiguration\":{"
                             "\"scanOnPush\":true}}",
                             &out, &err),
                     SW_EINTERNAL);
        sw_err_clear(&err);
        json_decref(out);
        CHECK_EQ_INT(meta_tx(e.c.w.db, META_READ, read_settings, &text, &err), 1);
        CHECK_EQ_STR(text, damaged[i]);
    }
    json_decref(CALL(&e, "DescribeRepositories", "{}"));
}

TEST(describe_registry_and_scanning)
{
    autoecr e = {0};
    ecr_open(&e);
    world_repo(&e.c.w, "app");
    CHECK_REPLY(&e, "DescribeRegistry", "{}", "replicationConfiguration", "{\"rules\":[]}");
    CHECK_REPLY(&e, "PutImageScanningConfiguration",
                "{\"repositoryName\":\"app\",\"imageScanningConfiguration\":{\"scanOnPush\":true}}",
                "imageScanningConfiguration", "{\"scanOnPush\":true}");
    sw_autojson json_t *out = CALL(&e, "DescribeRepositories", "{}");
    CHECK(sw_json_bool(json_object_get(json_array_get(json_object_get(out, "repositories"), 0),
                                       "imageScanningConfiguration"),
                       "scanOnPush", false));
}
