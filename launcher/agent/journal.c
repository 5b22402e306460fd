/* SPDX-License-Identifier: Apache-2.0 */
/* launcher/agent/journal.c */
#include "launcher/agent/journal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/io.h"
#include "base/json.h"
#include "base/json_find.h"
#include "base/macros.h"
#include "launcher/model/log_config.h"

#define SHORT_ID    12
#define SEND_MS     1000
#define TAG_MAX     4096
#define ECS_LABELS  "com.amazonaws.ecs."
#define CREDENTIALS "AWS_CONTAINER_CREDENTIALS_" /* where the task's are: nothing for a log */

struct journal {
    char *path;
    int fd;
};

static void add_field(struct sw_buf *b, const char *name, struct sw_str value)
{
    sw_buf_add_z(b, name);
    if (!memchr(value.p, '\n', value.n)) {
        sw_buf_add_z(b, "=");
    } else {
        unsigned char length[8];
        for (int i = 0; i < 8; i++)
            length[i] = (unsigned char)((uint64_t)value.n >> (8 * i));
        sw_buf_add_z(b, "\n");
        sw_buf_add(b, length, sizeof length);
    }
    sw_buf_add_str(b, value);
    sw_buf_add_z(b, "\n");
}

static int connect_to(const char *path, int *ret, struct sw_err *err)
{
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    const struct timeval patience = {.tv_usec = SEND_MS % 1000 * 1000, .tv_sec = SEND_MS / 1000};
    sw_autoclose int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (!sw_str_copy(sw_str(path), a.sun_path, sizeof a.sun_path))
        return sw_fail(err, SW_EINVALID, NULL, "the path of the journal's socket is too long");
    if (fd < 0 || connect(fd, (const struct sockaddr *)&a, sizeof a) < 0)
        return sw_fail(err, SW_EUNAVAILABLE, NULL, "%s: %s", path, strerrordesc_np(errno));
    (void)setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
    *ret = SW_TAKE_FD(fd);
    return 0;
}

bool journal_is_there(const char *path)
{
    sw_autoclose int fd = -1;
    struct sw_err ignored = SW_ERR_INIT;
    return connect_to(path, &fd, &ignored) == 0;
}

struct journal *journal_new(const char *path)
{
    struct journal *j = SW_NEW(struct journal);
    j->path = sw_strdup(path);
    j->fd = -1;
    return j;
}

void journal_free(struct journal *j)
{
    if (!j)
        return;
    sw_closep(&j->fd);
    free(j->path);
    free(j);
}

/* What is too large for a datagram: a file that nobody can change any more. Returns bytes or -1 with errno. */
static ssize_t send_file(int fd, const struct sw_buf *entry)
{
    struct sw_err ignored = SW_ERR_INIT;
    sw_autoclose int file = memfd_create("journal-entry", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    union {
        struct cmsghdr head;
        char space[CMSG_SPACE(sizeof(int))];
    } control = {.space = {0}};
    struct msghdr m = {.msg_control = &control, .msg_controllen = sizeof control};
    if (file < 0 || sw_write_all(file, entry->p, entry->n, &ignored) < 0 ||
        fcntl(file, F_ADD_SEALS, F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE) < 0)
        return -1;
    struct cmsghdr *c = CMSG_FIRSTHDR(&m);
    c->cmsg_level = SOL_SOCKET;
    c->cmsg_type = SCM_RIGHTS;
    c->cmsg_len = CMSG_LEN(sizeof file);
    memcpy(CMSG_DATA(c), &file, sizeof file);
    return sendmsg(fd, &m, MSG_NOSIGNAL);
}

int journal_send(struct journal *j, const struct sw_buf *entry, struct sw_err *err)
{
    if (j->fd < 0 && connect_to(j->path, &j->fd, err) < 0)
        return err->code;
    ssize_t n;
    do
        n = send(j->fd, entry->p, entry->n, MSG_NOSIGNAL);
    while (n < 0 && errno == EINTR);
    if (n < 0 && (errno == EMSGSIZE || errno == ENOBUFS))
        n = send_file(j->fd, entry);
    if (n >= 0)
        return 0;
    const int e = errno;
    sw_closep(&j->fd);
    j->fd = -1;
    return sw_fail(err, SW_EUNAVAILABLE, NULL, "%s: %s", j->path, strerrordesc_np(e));
}

/* --- what is said of a container --- */

static void add_named(json_t *fields, const char *key, const char *value)
{
    char name[LOG_JOURNAL_FIELD_MAX + 1];
    if (log_config_journal_field(key, name))
        sw_json_set_str(fields, name, value);
}

static char *expand_tag(const char *template, const json_t *fields, const json_t *metadata)
{
    const char *image_id = sw_json_str(metadata, "ImageID", "");
    const char *hex = strncmp(image_id, "sha256:", 7) == 0 ? image_id + 7 : image_id;
    sw_autofree char *short_image = sw_strndup(hex, SW_MIN(strlen(hex), (size_t)SHORT_ID));
    const struct {
        const char *part, *value;
    } parts[] = {
        {"{{.ID}}", sw_json_str(fields, "CONTAINER_ID", "")},
        {"{{.FullID}}", sw_json_str(fields, "CONTAINER_ID_FULL", "")},
        {"{{.Name}}", sw_json_str(fields, "CONTAINER_NAME", "")},
        {"{{.ImageName}}", sw_json_str(fields, "IMAGE_NAME", "")},
        {"{{.ImageID}}", short_image},
        {"{{.ImageFullID}}", image_id},
        {"{{.DaemonName}}", "slipway"},
    };
    struct sw_buf b = SW_BUF_INIT(TAG_MAX);
    for (const char *p = template; *p;) {
        size_t i = 0;
        while (i < SW_ARRAY_LEN(parts) && strncmp(p, parts[i].part, strlen(parts[i].part)) != 0)
            i++;
        if (i < SW_ARRAY_LEN(parts)) {
            sw_buf_add_z(&b, parts[i].value);
            p += strlen(parts[i].part);
        } else {
            sw_buf_add(&b, p++, 1);
        }
    }
    return sw_buf_take(&b);
}

json_t *journal_env(const json_t *definition, const json_t *environment)
{
    struct log_config c;
    json_t *env = json_object();
    const json_t *secrets = sw_json_array(definition, "secrets"), *v;
    size_t i;
    (void)log_config_read(definition, &c);
    json_array_foreach(environment, i, v) {
        struct sw_str rest = sw_str(json_string_value(v)), key;
        (void)sw_str_split(&rest, '=', &key);
        sw_autofree char *name = sw_str_dup(key);
        if (rest.p && log_config_wants_env(&c, name) && !sw_json_find(secrets, "name", name) &&
            !sw_str_starts_with(key, CREDENTIALS))
            json_object_set_new(env, name, json_stringn(rest.p, rest.n));
    }
    return env;
}

json_t *journal_container_fields(const json_t *metadata, const json_t *definition,
                                 const json_t *env)
{
    struct log_config c;
    const char *key, *id = sw_json_str(metadata, "DockerId", "");
    json_t *value, *fields = json_object();
    (void)log_config_read(definition, &c);
    json_object_foreach(sw_json_object(metadata, "Labels"), key, value)
        if (strncmp(key, ECS_LABELS, strlen(ECS_LABELS)) == 0 || log_config_wants_label(&c, key))
            add_named(fields, key, json_string_value(value));
    json_object_foreach((json_t *)env, key, value) /* wins over a label of the name */
        add_named(fields, key, json_string_value(value));
    sw_autofree char *short_id = sw_strndup(id, SW_MIN(strlen(id), (size_t)SHORT_ID));
    sw_json_set_str(fields, "CONTAINER_ID", short_id);
    sw_json_set_str(fields, "CONTAINER_ID_FULL", id);
    sw_json_set_str(fields, "CONTAINER_NAME", sw_json_str(metadata, "DockerName", ""));
    sw_json_set_str(fields, "IMAGE_NAME", sw_json_str(metadata, "Image", ""));
    sw_autofree char *tag = expand_tag(c.tag && *c.tag ? c.tag : "{{.ID}}", fields, metadata);
    sw_json_set_str(fields, "CONTAINER_TAG", tag);
    sw_json_set_str(fields, "SYSLOG_IDENTIFIER", tag);
    return fields;
}

void journal_entry(struct sw_buf *b, const json_t *fields, const json_t *event)
{
    const json_t *message = json_object_get(event, "message");
    const char *key;
    json_t *value;
    char at[SW_TIME_LEN];
    sw_format_iso8601(sw_json_int(event, "timestamp", 0) * 1000, at);
    add_field(b, "MESSAGE", sw_str_n(json_string_value(message), json_string_length(message)));
    add_field(b, "PRIORITY", sw_str(sw_json_bool(event, "error", false) ? "3" : "6"));
    add_field(b, "SYSLOG_TIMESTAMP", sw_str(at));
    json_object_foreach((json_t *)fields, key, value)
        add_field(b, key, sw_str_n(json_string_value(value), json_string_length(value)));
}
