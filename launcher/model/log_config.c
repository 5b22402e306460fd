/* SPDX-License-Identifier: Apache-2.0 */
/* launcher/model/log_config.c - the options of the drivers, in a table. */
#include "launcher/model/log_config.h"

#include <string.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "base/json.h"
#include "base/macros.h"
#include "base/pattern.h"
#include "base/str.h"

#define REASON "ClientException"

#define PATTERN_MAX 1024
#define TAG_MAX     512

static bool any(const char *v)
{
    return *v != 0;
}

static bool boolean(const char *v)
{
    return sw_streq(v, "true") || sw_streq(v, "false");
}

static bool never(const char *v)
{
    return sw_streq(v, "false");
}

static bool mode(const char *v)
{
    return sw_streq(v, "blocking") || sw_streq(v, "non-blocking");
}

/* Docker's form: digits and an optional unit. 0: it is none. */
static int64_t size_of(const char *v)
{
    static const char units[] = "bkmg";
    const size_t digits = strspn(v, "0123456789");
    const char *unit = v + digits;
    const char *known = *unit ? strchr(units, *unit | 0x20) : units;
    int64_t n = 0;
    if (!known || (*unit && unit[1] && !sw_streq(unit + 1, "b")) ||
        !sw_parse_i64(sw_str_n(v, digits), &n) || n > INT64_MAX >> 30)
        return 0;
    return n << (10 * (known - units));
}

static bool buffer_size(const char *v)
{
    return size_of(v) >= LOG_BUFFER_BYTES_MIN;
}

static bool file_size(const char *v)
{
    const int64_t n = size_of(v);
    return n >= LOG_FILE_BYTES_MIN && n <= LOG_FILE_BYTES_HELD;
}

static bool one(const char *v)
{
    return sw_streq(v, "1");
}

static bool prefix(const char *v)
{
    return *v && !strpbrk(v, ":*");
}

static bool compiles(const char *v)
{
    sw_autoarena a = {0};
    const struct sw_pattern *p;
    size_t at;
    struct sw_err err = SW_ERR_INIT;
    return *v && strlen(v) <= PATTERN_MAX && sw_pattern_parse(sw_str(v), &a, &p, &at, &err) == 0;
}

/* What the letters of a format stand for, as Docker's manual of the driver lists them. */
static const struct {
    char letter;
    const char *regex;
} times[] = {
    {'A', "(?:Monday|Tuesday|Wednesday|Thursday|Friday|Saturday|Sunday)"},
    {'B', "(?:January|February|March|April|May|June|July|August|September|October|November|"
          "December)"},
    {'H', "(?:[01][0-9]|2[0-3])"},
    {'I', "(?:0[0-9]|1[0-2])"},
    {'L', "\\.[0-9]{3}"},
    {'M', "[0-5][0-9]"},
    {'S', "[0-5][0-9]"},
    {'Y', "[0-9]{4}"},
    {'Z', "[A-Z]{1,4}T"},
    {'a', "(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)"},
    {'b', "(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)"},
    {'d', "(?:0[1-9]|[12][0-9]|3[01])"},
    {'f', "[0-9]{6}"},
    {'j', "(?:[0-2][0-9][0-9]|3[0-5][0-9]|36[0-6])"},
    {'m', "(?:0[1-9]|1[0-2])"},
    {'p', "[AP]M"},
    {'w', "[0-6]"},
    {'y', "[0-9]{2}"},
    {'z', "[+-][0-9]{4}"},
};

static const char *time_regex(char letter)
{
    for (size_t i = 0; i < SW_ARRAY_LEN(times); i++)
        if (times[i].letter == letter)
            return times[i].regex;
    return NULL;
}

/* NULL: it has a letter that stands for nothing. */
static char *regex_of_format(const char *format)
{
    struct sw_buf b = SW_BUF_INIT(64 * PATTERN_MAX);
    for (const char *p = format; *p; p++) {
        const char *regex = *p == '%' && p[1] && p[1] != '%' ? time_regex(p[1]) : NULL;
        if (*p == '%' && p[1] != '%' && !regex) {
            sw_buf_done(&b);
            return NULL;
        }
        if (regex)
            sw_buf_add_z(&b, regex);
        else if (strchr("\\.[]{}()*+?|^$", *p))
            sw_buf_addf(&b, "\\%c", *p);
        else
            sw_buf_add(&b, p, 1);
        p += *p == '%';
    }
    return sw_buf_take(&b);
}

static bool time_format(const char *v)
{
    sw_autofree char *regex = strlen(v) <= PATTERN_MAX ? regex_of_format(v) : NULL;
    return strchr(v, '%') && regex && compiles(regex);
}

/* The parts in braces that Docker's templates of tags have and that mean something here. */
static bool tag(const char *v)
{
    static const char *const parts[] = {
        "{{.ID}}",      "{{.FullID}}",      "{{.Name}}",       "{{.ImageName}}",
        "{{.ImageID}}", "{{.ImageFullID}}", "{{.DaemonName}}",
    };
    if (strlen(v) > TAG_MAX)
        return false;
    for (const char *p = v; (p = strstr(p, "{{")); p++) {
        bool known = false;
        for (size_t i = 0; i < SW_ARRAY_LEN(parts); i++)
            known |= strncmp(p, parts[i], strlen(parts[i])) == 0;
        if (!known)
            return false;
    }
    return true;
}

struct option {
    const char *name;
    bool (*valid)(const char *v);
    const char *what;
};

static const struct option awslogs_options[] = {
    {"awslogs-create-group", boolean, "true or false"},
    {"awslogs-datetime-format", time_format, "a format with letters that strftime and Docker know"},
    {"awslogs-group", any, "the name of a log group"},
    {"awslogs-multiline-pattern", compiles,
     "a regular expression without look-around and references"},
    {"awslogs-region", any, "a region"},
    {"awslogs-stream-prefix", prefix, "text without : and *"},
    {"max-buffer-size", buffer_size, "a size such as 25m, at least 1k"},
    {"mode", mode, "blocking or non-blocking"},
};

static const struct option json_file_options[] = {
    {"compress", never, "false: one file is kept, and none compressed"},
    {"max-file", one, "1: one file is kept"},
    {"max-size", file_size, "a size such as 10m, from 8k to 1g"},
};

static const struct option journald_options[] = {
    {"env", any, "names of variables with , between"},
    {"env-regex", compiles, "a regular expression without look-around and references"},
    {"labels", any, "keys of labels with , between"},
    {"labels-regex", compiles, "a regular expression without look-around and references"},
    {"max-buffer-size", buffer_size, "a size such as 25m, at least 1k"},
    {"mode", mode, "blocking or non-blocking"},
    {"tag", tag,
     "text with {{.ID}}, {{.FullID}}, {{.Name}}, {{.ImageName}}, {{.ImageID}}, "
     "{{.ImageFullID}} or {{.DaemonName}}"},
};

static const struct driver {
    const char *name;
    enum log_driver driver;
    const struct option *options;
    size_t n;
} drivers[] = {
    {"json-file", LOG_DRIVER_JSON_FILE, json_file_options, SW_ARRAY_LEN(json_file_options)},
    {"awslogs", LOG_DRIVER_AWSLOGS, awslogs_options, SW_ARRAY_LEN(awslogs_options)},
    {"journald", LOG_DRIVER_JOURNALD, journald_options, SW_ARRAY_LEN(journald_options)},
};

static const struct driver *driver_of(const json_t *l)
{
    const char *name = sw_json_str(l, "logDriver", "json-file");
    for (size_t i = 0; i < SW_ARRAY_LEN(drivers); i++)
        if (sw_streq(drivers[i].name, name))
            return &drivers[i];
    return NULL;
}

static int check_option(const struct driver *d, const char *container, const char *name,
                        const char *value, struct sw_err *err)
{
    for (size_t i = 0; i < d->n; i++) {
        const struct option *o = &d->options[i];
        if (!sw_streq(o->name, name))
            continue;
        return o->valid(value) ? 0
                               : sw_fail(err, SW_EINVALID, REASON,
                                         "Invalid setting for container '%s'. The log option '%s' "
                                         "must be %s.",
                                         container, name, o->what);
    }
    return sw_fail(err, SW_EUNSUPPORTED, "UnsupportedFeatureException",
                   "logConfiguration.options: the %s option '%s' is not supported.", d->name, name);
}

static int check_awslogs(const char *container, const json_t *options, struct sw_err *err)
{
    const bool group = sw_json_str(options, "awslogs-group", NULL) != NULL;
    const bool region = sw_json_str(options, "awslogs-region", NULL) != NULL;
    if (!group || !region)
        return sw_fail(err, SW_EINVALID, REASON, "Log driver awslogs requires options: %s%s%s",
                       group ? "" : "awslogs-group", !group && !region ? ", " : "",
                       region ? "" : "awslogs-region");
    if (sw_json_str(options, "awslogs-datetime-format", NULL) &&
        sw_json_str(options, "awslogs-multiline-pattern", NULL))
        return sw_fail(err, SW_EINVALID, REASON,
                       "Invalid setting for container '%s'. The log options "
                       "'awslogs-datetime-format' and 'awslogs-multiline-pattern' cannot be given "
                       "together.",
                       container);
    return 0;
}

/* --- fields of the journal --- */

/* systemd.journal-fields(7): what the journal and its readers believe of an entry, which comes from the agent, who is root; and what
 * the driver itself says of the container. */
static bool is_reserved(const char *field)
{
    static const char *const names[] = {"CONTAINER_ID",
                                        "CONTAINER_ID_FULL",
                                        "CONTAINER_NAME",
                                        "CONTAINER_TAG",
                                        "ERRNO",
                                        "IMAGE_NAME",
                                        "INVOCATION_ID",
                                        "MESSAGE",
                                        "MESSAGE_ID",
                                        "PRIORITY",
                                        "TID",
                                        "UNIT",
                                        "USER_UNIT"};
    static const char *const beginnings[] = {"CODE_", "COREDUMP_", "OBJECT_", "SYSLOG_"};
    bool reserved = false;
    for (size_t i = 0; i < SW_ARRAY_LEN(names); i++)
        reserved |= sw_streq(field, names[i]);
    for (size_t i = 0; i < SW_ARRAY_LEN(beginnings); i++)
        reserved |= sw_str_starts_with(sw_str(field), beginnings[i]);
    return reserved;
}

bool log_config_journal_field(const char *name, char out[LOG_JOURNAL_FIELD_MAX + 1])
{
    size_t n = 0;
    for (; *name; name++) {
        const char c = *name;
        const bool lower = c >= 'a' && c <= 'z', upper = c >= 'A' && c <= 'Z',
                   digit = c >= '0' && c <= '9';
        if (n == 0 && !lower && !upper)
            continue;
        if (n == LOG_JOURNAL_FIELD_MAX)
            return false;
        out[n++] = lower ? (char)(c - 'a' + 'A') : upper || digit ? c : '_';
    }
    out[n] = 0;
    return n > 0 && !is_reserved(out);
}

static bool in_list(const char *list, const char *name)
{
    struct sw_str rest = sw_str(list ? list : ""), part;
    while (rest.n > 0 && sw_str_split(&rest, ',', &part))
        if (sw_str_eq_z(sw_str_trim(part), name))
            return true;
    return false;
}

static bool regex_has(const char *regex, const char *name)
{
    sw_autoarena a = {0};
    const struct sw_pattern *p;
    size_t at;
    struct sw_err ignored = SW_ERR_INIT;
    return regex && sw_pattern_parse(sw_str(regex), &a, &p, &at, &ignored) == 0 &&
           sw_pattern_found(p, sw_str(name));
}

bool log_config_wants_env(const struct log_config *c, const char *name)
{
    return in_list(c->env, name) || regex_has(c->env_regex, name);
}

bool log_config_wants_label(const struct log_config *c, const char *key)
{
    return in_list(c->labels, key) || regex_has(c->labels_regex, key);
}

static int check_field(const char *container, const char *option, const char *name,
                       struct sw_err *err)
{
    char field[LOG_JOURNAL_FIELD_MAX + 1];
    if (log_config_journal_field(name, field))
        return 0;
    return sw_fail(err, SW_EINVALID, REASON,
                   "Invalid setting for container '%s'. The log option '%s' asks for '%.80s', "
                   "which cannot be a field of an entry of the journal.",
                   container, option, name);
}

/* The names of the list, each of which becomes a field. */
static int check_names(const char *container, const char *option, const char *list,
                       struct sw_err *err)
{
    struct sw_str rest = sw_str(list ? list : ""), part;
    while (rest.n > 0 && sw_str_split(&rest, ',', &part)) {
        sw_autofree char *name = sw_str_dup(sw_str_trim(part));
        if (*name && check_field(container, option, name, err) < 0)
            return err->code;
    }
    return 0;
}

/* Nothing that an option asks for is left out in silence, as far as the definition can tell. */
static int check_journald(const json_t *container, const char *name, struct sw_err *err)
{
    struct log_config c;
    const char *key;
    json_t *v;
    size_t i;
    (void)log_config_read(container, &c);
    if (check_names(name, "env", c.env, err) < 0 || check_names(name, "labels", c.labels, err) < 0)
        return err->code;
    json_array_foreach(sw_json_array(container, "secrets"), i, v) {
        const char *secret = sw_json_str(v, "name", "");
        if (log_config_wants_env(&c, secret))
            return sw_fail(err, SW_EINVALID, REASON,
                           "Invalid setting for container '%s'. The log option '%s' asks for "
                           "'%.80s', which is a secret.",
                           name, in_list(c.env, secret) ? "env" : "env-regex", secret);
    }
    json_array_foreach(sw_json_array(container, "environment"), i, v)
        if (regex_has(c.env_regex, sw_json_str(v, "name", "")) &&
            check_field(name, "env-regex", sw_json_str(v, "name", ""), err) < 0)
            return err->code;
    json_object_foreach(sw_json_object(container, "dockerLabels"), key, v)
        if (regex_has(c.labels_regex, key) && check_field(name, "labels-regex", key, err) < 0)
            return err->code;
    return 0;
}

int log_config_check(const json_t *container, struct sw_err *err)
{
    const json_t *l = sw_json_object(container, "logConfiguration");
    const json_t *options = sw_json_object(l, "options");
    const char *key, *name = sw_json_str(container, "name", "");
    const struct driver *d = driver_of(l);
    json_t *value;
    if (!d)
        return sw_fail(err, SW_EUNSUPPORTED, "UnsupportedFeatureException",
                       "logConfiguration.logDriver '%s' is not supported.",
                       sw_json_str(l, "logDriver", ""));
    if (d->driver == LOG_DRIVER_AWSLOGS && check_awslogs(name, options, err) < 0)
        return err->code;
    json_object_foreach((json_t *)options, key, value) {
        const char *text = json_string_value(value);
        if (check_option(d, name, key, text ? text : "", err) < 0)
            return err->code;
    }
    if (d->driver == LOG_DRIVER_JOURNALD && check_journald(container, name, err) < 0)
        return err->code;
    if (sw_json_str(options, "max-buffer-size", NULL) &&
        sw_streq(sw_json_str(options, "mode", NULL), "blocking"))
        return sw_fail(err, SW_EINVALID, REASON,
                       "Invalid setting for container '%s'. The log option 'max-buffer-size' can "
                       "only be given with the mode non-blocking.",
                       name);
    return 0;
}

bool log_config_read(const json_t *container, struct log_config *ret)
{
    const json_t *l = sw_json_object(container, "logConfiguration");
    const json_t *o = sw_json_object(l, "options");
    const struct driver *d = driver_of(l);
    const char *buffer = sw_json_str(o, "max-buffer-size", NULL),
               *file = sw_json_str(o, "max-size", NULL);
    *ret = (struct log_config){
        .driver = d ? d->driver : LOG_DRIVER_JSON_FILE,
        .group = sw_json_str(o, "awslogs-group", ""),
        .region = sw_json_str(o, "awslogs-region", ""),
        .prefix = sw_json_str(o, "awslogs-stream-prefix", NULL),
        .create_group = sw_streq(sw_json_str(o, "awslogs-create-group", ""), "true"),
        .multiline_pattern = sw_json_str(o, "awslogs-multiline-pattern", NULL),
        .datetime_format = sw_json_str(o, "awslogs-datetime-format", NULL),
        .blocking = sw_streq(sw_json_str(o, "mode", NULL), "blocking"),
        .buffer_bytes = buffer ? size_of(buffer) : LOG_BUFFER_BYTES,
        .file_bytes = file ? size_of(file) : LOG_FILE_BYTES,
        .tag = sw_json_str(o, "tag", NULL),
        .labels = sw_json_str(o, "labels", NULL),
        .labels_regex = sw_json_str(o, "labels-regex", NULL),
        .env = sw_json_str(o, "env", NULL),
        .env_regex = sw_json_str(o, "env-regex", NULL)};
    if (ret->blocking)
        ret->file_bytes = LOG_FILE_BYTES_HELD;
    return ret->driver == LOG_DRIVER_AWSLOGS;
}

char *log_config_first_line(const struct log_config *c)
{
    return c->multiline_pattern ? sw_strdup(c->multiline_pattern)
           : c->datetime_format ? regex_of_format(c->datetime_format)
                                : NULL;
}

char *log_config_stream(const struct log_config *c, const char *container, const char *task_id)
{
    return sw_asprintf("%s%s%s/%s", c->prefix ? c->prefix : "", c->prefix ? "/" : "", container,
                       task_id);
}
