/* SPDX-License-Identifier: Apache-2.0 */
#include "registry/core/reference.h"

#include "base/macros.h"
#include "tests/lib/test.h"

TEST(accepts_repository_names_of_the_grammar)
{
    static const char *const names[] = {"ab",
                                        "a1",
                                        "team/app",
                                        "a.b",
                                        "a_b",
                                        "a__b",
                                        "a-b",
                                        "a---b",
                                        "a/b/c/d",
                                        "0/1",
                                        "x/manifests/y",
                                        "a/blobs/uploads/b",
                                        "library/busybox"};
    for (size_t i = 0; i < SW_ARRAY_LEN(names); i++)
        CHECK_MSG(repo_name_valid(sw_str(names[i])), "%s", names[i]);
}

TEST(refuses_other_repository_names)
{
    static const char *const names[] = {"",       "a",     "A/b",       "/ab",     "ab/", "a//b",
                                        "a..b",   "a___b", "a._b",      "-ab",     "ab-", "a/-b",
                                        ".ab",    "a b",   "a\tb",      "a:b",     "a@b", "..",
                                        "a/../b", "a%2fb", "\xc3\xa4y", "_catalog"};
    for (size_t i = 0; i < SW_ARRAY_LEN(names); i++)
        CHECK_MSG(!repo_name_valid(sw_str(names[i])), "%s", names[i]);
}

TEST(bounds_repository_names_at_256_characters)
{
    char name[300];
    memset(name, 'a', sizeof(name));
    CHECK(repo_name_valid(sw_str_n(name, 256)));
    CHECK(!repo_name_valid(sw_str_n(name, 257)));
    CHECK(repo_name_valid(sw_str_n(name, 2)));
    CHECK(!repo_name_valid(sw_str_n(name, 1)));
}

TEST(knows_the_tag_grammar)
{
    char tag[200];
    memset(tag, 'a', sizeof(tag));
    CHECK(tag_valid(SW_STR("latest")));
    CHECK(tag_valid(SW_STR("V1.0_x-y")));
    CHECK(tag_valid(SW_STR("_")));
    CHECK(!tag_valid(SW_STR("")));
    CHECK(!tag_valid(SW_STR(".x")));
    CHECK(!tag_valid(SW_STR("-x")));
    CHECK(!tag_valid(SW_STR("a/b")));
    CHECK(!tag_valid(SW_STR("a b")));
    CHECK(!tag_valid(sw_str_n("a\0b", 3)));
    CHECK(tag_valid(sw_str_n(tag, 128)));
    CHECK(!tag_valid(sw_str_n(tag, 129)));
}

TEST(tells_digests_from_tags)
{
    struct sw_err err = SW_ERR_INIT;
    struct reference ref;
    const char *text = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
    CHECK_OK(reference_parse(sw_str(text), &ref, &err));
    CHECK(ref.is_digest);
    CHECK_EQ_STR(ref.text, text);
    CHECK_OK(reference_parse(SW_STR("v1"), &ref, &err));
    CHECK(!ref.is_digest);
    CHECK_EQ_STR(ref.text, "v1");
    CHECK_ERR(reference_parse(SW_STR("sha256:baddigeststring"), &ref, &err), SW_EINVALID,
              "DIGEST_INVALID");
    CHECK_ERR(reference_parse(SW_STR("no/tag"), &ref, &err), SW_EINVALID, "TAG_INVALID");
    CHECK_ERR(reference_parse(SW_STR(""), &ref, &err), SW_EINVALID, "TAG_INVALID");
}

TEST(advisory_cve_2024_3727_digests_are_no_paths)
{
    static const char *const bad[] = {
        "sha256:../../../../etc/passwd",
        "sha256:E3B0C44298FC1C149AFBF4C8996FB92427AE41E4649B934CA495991B7852B855",
        "sha256:e3b0c442", "../x:y", "sha256:"};
    struct sw_err err = SW_ERR_INIT;
    struct reference ref;
    for (size_t i = 0; i < SW_ARRAY_LEN(bad); i++)
        CHECK_ERR(reference_parse(sw_str(bad[i]), &ref, &err), SW_EINVALID, "DIGEST_INVALID");
}
