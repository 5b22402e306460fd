/* SPDX-License-Identifier: Apache-2.0 */
#include "launcher/logs/log_check.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/io.h"
#include "base/macros.h"
#include "launcher/logs/log_files.h"
#include "tests/lib/test.h"

#define G "00000000000000000000000000000001"
#define S "0000000000000000000000000000000a"

static char seen[400];

static void found(void *ctx, const char *file, const char *what)
{
    (void)ctx;
    (void)snprintf(seen, sizeof seen, "%s: %s", file, what);
}

static struct log_check_counts check(void)
{
    struct sw_err err = SW_ERR_INIT;
    struct log_check_counts c = {0};
    const struct log_check_options o = {.dir = test_path("logs"), .found = found};
    seen[0] = 0;
    CHECK_OK(log_check(&o, &c, &err));
    return c;
}

static int64_t now(void)
{
    return 1000000;
}

/* Segments of three batches each, the last one open. */
static void fill(void)
{
    struct sw_err err = SW_ERR_INIT;
    struct log_files *f = NULL;
    const struct log_files_options o = {
        .dir = test_path("logs"), .segment_bytes = 300, .now_ms = now};
    CHECK_OK(log_files_open(&o, &f, &err));
    for (int i = 0; i < 10; i++) {
        char text[80];
        (void)snprintf(text, sizeof text, "message number %d, which has some length to it", i);
        const struct log_event e = {
            .timestamp_ms = 1000 + i, .position = i, .message = sw_str(text)};
        CHECK_OK(log_files_append(f, G, S, &e, 1, NULL, &err));
    }
    log_files_free(f);
}

static void flip(int number, long at)
{
    char c = 0;
    sw_autofree char *path = sw_asprintf("%s/%010d.log", test_path("logs/" G "/" S), number);
    FILE *f = fopen(path, "r+b");
    CHECK(f != NULL);
    CHECK_EQ_INT(fseek(f, at, at < 0 ? SEEK_END : SEEK_SET), 0);
    CHECK_EQ_INT(fread(&c, 1, 1, f), 1);
    c ^= 4;
    CHECK_EQ_INT(fseek(f, at, at < 0 ? SEEK_END : SEEK_SET), 0);
    CHECK_EQ_INT(fwrite(&c, 1, 1, f), 1);
    fclose(f);
}

TEST(what_is_whole_is_clean)
{
    struct log_check_counts c = check();
    CHECK_EQ_INT(c.segments + c.findings, 0);
    fill();
    c = check();
    CHECK_EQ_STR(seen, "");
    CHECK_EQ_INT(c.events, 10);
    CHECK_EQ_INT(c.findings, 0);
    CHECK(c.segments >= 3);
}

TEST(every_flipped_byte_of_a_sealed_segment_is_found)
{
    struct stat st;
    fill();
    CHECK_EQ_INT(stat(test_path("logs/" G "/" S "/0000000001.log"), &st), 0);
    for (long at = 0; at < (long)st.st_size; at++) {
        if ((at >= 28 && at < 32) || (at >= st.st_size - 64 && at < st.st_size - 60))
            continue; /* unused bytes of the header; the mark of the footer, which a torn frame may have, too */
        flip(1, at);
        CHECK_MSG(check().findings > 0, "byte %ld", at);
        flip(1, at);
    }
    CHECK_EQ_INT(check().findings, 0);
}

TEST(a_torn_end_is_no_damage_but_what_lies_before_whole_frames_is)
{
    fill();
    const int last = (int)check().segments;
    flip(last, -1);
    CHECK_EQ_INT(check().findings, 0);
    flip(last, -1);
    flip(1, 60);
    CHECK_EQ_INT(check().findings, 1);
    CHECK_CONTAINS(seen, G "/" S "/0000000001.log: the frame at byte 32 is damaged");
}

TEST(segments_follow_each_other)
{
    fill();
    CHECK_EQ_INT(unlink(test_path("logs/" G "/" S "/0000000002.log")), 0);
    CHECK_EQ_INT(check().findings, 1);
    CHECK_CONTAINS(seen, "it follows position");
}
