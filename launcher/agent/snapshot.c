/* SPDX-License-Identifier: Apache-2.0 */
/* launcher/agent/snapshot.c
 *
 * Invariants:
 * 1. DIR/<hex of chain id> comes into being by one rename of a whole folder and is never changed, but for its file "unsynced".
 * 2. "unsynced" (durable before the rename) holds the boot id; it is removed after a syncfs that began after the rename.
 *    A folder whose mark is of another boot, or unreadable, may have lost bytes with the power: open removes it.
 * 3. At most one maker a chain id in this process (the list `making`); between processes the first rename wins. */
#include "launcher/agent/snapshot.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "base/id.h"
#include "base/io.h"
#include "base/log.h"
#include "base/macros.h"

#define MARK        "unsynced"
#define TEMP_PREFIX "new."

struct claim {
    struct claim *next;
    struct digest chain;
};
struct snapshots {
    char *dir;
    char boot_id[37];
    pthread_mutex_t lock;
    pthread_cond_t changed;
    struct claim *making;
    pthread_t syncer;
    bool sync_wanted, closing, syncer_started;
};

static char *entry_path(struct snapshots *s, const struct digest *chain, const char *file)
{
    char hex[129];
    digest_hex(chain, hex);
    return sw_asprintf("%s/%s%s%s", s->dir, hex, file[0] ? "/" : "", file);
}

static bool mark_is_ours(struct snapshots *s, const char *path)
{
    struct sw_err ignored = SW_ERR_INIT;
    SW_CLEANUP(sw_buf_done) struct sw_buf b = SW_BUF_INIT(63);
    return sw_read_file(path, &b, &ignored) == 0 && s->boot_id[0] &&
           sw_streq(sw_buf_str(&b).p, s->boot_id);
}

/* Names of those that are whole, all or the marked ones. */
static size_t list_names(struct snapshots *s, bool marked, char ***ret)
{
    size_t n = 0;
    char **names = NULL;
    DIR *d = opendir(s->dir);
    for (struct dirent *e; d && (e = readdir(d));) {
        sw_autofree char *mark = sw_asprintf("%s/%s/%s", s->dir, e->d_name, MARK);
        if (e->d_name[0] == '.' || strncmp(e->d_name, TEMP_PREFIX, strlen(TEMP_PREFIX)) == 0 ||
            (marked && !sw_path_exists(mark)))
            continue;
        names = sw_realloc_array(names, n + 1, sizeof *names);
        names[n++] = sw_strdup(e->d_name);
    }
    if (d)
        closedir(d);
    *ret = names;
    return n;
}

static void remove_marks(struct snapshots *s, char *const *names, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        sw_autofree char *mark = sw_asprintf("%s/%s/%s", s->dir, names[i], MARK);
        (void)unlink(mark);
    }
}

static void sync_once(struct snapshots *s)
{
    char **names = NULL;
    /* Only what is marked now may lose its mark: the sync begins after this. */
    size_t n = list_names(s, true, &names);
    sw_autoclose int fd = open(s->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (n && fd >= 0 && syncfs(fd) == 0)
        remove_marks(s, names, n);
    for (size_t i = 0; i < n; i++)
        free(names[i]);
    free(names);
}

static void *syncer_main(void *arg)
{
    struct snapshots *s = arg;
    pthread_mutex_lock(&s->lock);
    for (;;) {
        while (!s->sync_wanted && !s->closing)
            pthread_cond_wait(&s->changed, &s->lock);
        if (!s->sync_wanted)
            break;
        s->sync_wanted = false;
        pthread_mutex_unlock(&s->lock);
        sync_once(s);
        pthread_mutex_lock(&s->lock);
    }
    pthread_mutex_unlock(&s->lock);
    return NULL;
}

/* Brings published bytes to the disk in the background and takes the marks off. */
static void sync_later(struct snapshots *s)
{
    pthread_mutex_lock(&s->lock);
    s->sync_wanted = true;
    if (!s->syncer_started && !s->closing)
        s->syncer_started = pthread_create(&s->syncer, NULL, syncer_main, s) == 0;
    pthread_cond_broadcast(&s->changed);
    pthread_mutex_unlock(&s->lock);
}

/* Invariant 2, and temporary folders. */
static int clean(struct snapshots *s, struct sw_err *err)
{
    DIR *d = opendir(s->dir);
    if (!d)
        return sw_fail_os(err, errno, "%s", s->dir);
    for (struct dirent *e; (e = readdir(d)) && err->code == 0;) {
        if (e->d_name[0] == '.')
            continue;
        sw_autofree char *path = sw_asprintf("%s/%s", s->dir, e->d_name);
        sw_autofree char *mark = sw_asprintf("%s/%s", path, MARK);
        bool temporary = strncmp(e->d_name, TEMP_PREFIX, strlen(TEMP_PREFIX)) == 0;
        bool lost = sw_path_exists(mark) && !mark_is_ours(s, mark);
        if (temporary || lost)
            (void)sw_remove_tree(path, err);
        else if (sw_path_exists(mark))
            s->sync_wanted = true;
    }
    closedir(d);
    return err->code;
}

int snapshots_open(const char *dir, struct snapshots **ret, struct sw_err *err)
{
    struct snapshots *s = SW_NEW(struct snapshots);
    s->dir = sw_strdup(dir);
    pthread_mutex_init(&s->lock, NULL);
    pthread_cond_init(&s->changed, NULL);
    sw_boot_id(s->boot_id);
    if (sw_mkdirs(dir, 0700, err) < 0 || clean(s, err) < 0) {
        snapshots_close(s);
        return err->code;
    }
    if (s->sync_wanted)
        sync_later(s);
    *ret = s;
    return 0;
}

void snapshots_close(struct snapshots *s)
{
    if (!s)
        return;
    pthread_mutex_lock(&s->lock);
    s->closing = true;
    pthread_cond_broadcast(&s->changed);
    pthread_mutex_unlock(&s->lock);
    if (s->syncer_started)
        pthread_join(s->syncer, NULL);
    pthread_mutex_destroy(&s->lock);
    pthread_cond_destroy(&s->changed);
    free(s->dir);
    free(s);
}

bool snapshots_have(struct snapshots *s, const struct digest *chain)
{
    sw_autofree char *path = entry_path(s, chain, "fs");
    return sw_path_exists(path);
}

char *snapshots_path(struct snapshots *s, const struct digest *chain)
{
    return entry_path(s, chain, "fs");
}

static struct claim **find_claim(struct snapshots *s, const struct digest *chain)
{
    struct claim **at = &s->making;
    while (*at && !digest_equal(&(*at)->chain, chain))
        at = &(*at)->next;
    return at;
}

static void release(struct snapshots *s, const struct digest *chain)
{
    pthread_mutex_lock(&s->lock);
    struct claim **at = find_claim(s, chain);
    struct claim *c = *at;
    if (c)
        *at = c->next;
    free(c);
    pthread_cond_broadcast(&s->changed);
    pthread_mutex_unlock(&s->lock);
}

int snapshots_claim(struct snapshots *s, const struct digest *chain, char **ret_dir,
                    struct sw_err *err)
{
    pthread_mutex_lock(&s->lock);
    while (*find_claim(s, chain))
        pthread_cond_wait(&s->changed, &s->lock);
    bool have = snapshots_have(s, chain);
    if (!have) {
        struct claim *c = SW_NEW(struct claim);
        c->chain = *chain;
        c->next = s->making;
        s->making = c;
    }
    pthread_mutex_unlock(&s->lock);
    if (have)
        return 0;
    sw_autofree char *temp = sw_asprintf("%s/%sXXXXXX", s->dir, TEMP_PREFIX);
    sw_autofree char *fs = NULL;
    /* Made anew should somebody have removed it to make room. */
    if (sw_mkdirs(s->dir, 0700, err) < 0 || sw_make_temp_dir(temp, err) < 0) {
        release(s, chain);
        return err->code;
    }
    fs = sw_asprintf("%s/fs", temp);
    if (mkdir(fs, 0755) < 0) {
        int e = errno;
        (void)rmdir(temp);
        release(s, chain);
        return sw_fail_os(err, e, "%s", fs);
    }
    *ret_dir = SW_TAKE(fs);
    return 1;
}

void snapshots_abandon(struct snapshots *s, const struct digest *chain, const char *dir)
{
    struct sw_err ignored = SW_ERR_INIT;
    sw_autofree char *temp = sw_strndup(dir, strlen(dir) - strlen("/fs"));
    (void)sw_remove_tree(temp, &ignored);
    release(s, chain);
}

int snapshots_publish(struct snapshots *s, const struct digest *chain, const char *dir,
                      struct sw_err *err)
{
    sw_autofree char *temp = sw_strndup(dir, strlen(dir) - strlen("/fs"));
    sw_autofree char *mark = sw_asprintf("%s/%s", temp, MARK);
    sw_autofree char *final = entry_path(s, chain, "");
    if (sw_write_file_atomic(mark, s->boot_id, strlen(s->boot_id), 0600, err) < 0) {
        snapshots_abandon(s, chain, dir);
        return err->code;
    }
    if (rename(temp, final) < 0) {
        int e = errno;
        snapshots_abandon(s, chain, dir);
        /* Another process was first: the same content, by its name. */
        return e == EEXIST || e == ENOTEMPTY ? 0 : sw_fail_os(err, e, "%s", final);
    }
    release(s, chain);
    sync_later(s);
    return 0;
}

size_t snapshots_list(struct snapshots *s, char ***ret)
{
    return list_names(s, false, ret);
}

bool snapshots_made(struct snapshots *s, const char *name, int64_t *ret_s)
{
    struct stat st;
    sw_autofree char *path = sw_asprintf("%s/%s", s->dir, name);
    bool there = stat(path, &st) == 0;
    *ret_s = there ? st.st_mtime : 0;
    return there;
}

char *snapshots_take(struct snapshots *s, const char *name)
{
    char nonce[9], hex[129];
    bool made = false;
    sw_random_hex(nonce, 8);
    sw_autofree char *from = sw_asprintf("%s/%s", s->dir, name);
    sw_autofree char *to = sw_asprintf("%s/%sgone-%s", s->dir, TEMP_PREFIX, nonce);
    pthread_mutex_lock(&s->lock);
    for (const struct claim *c = s->making; c && !made; c = c->next) {
        digest_hex(&c->chain, hex);
        made = sw_streq(hex, name);
    }
    bool taken = !made && rename(from, to) == 0;
    pthread_mutex_unlock(&s->lock);
    return taken ? SW_TAKE(to) : NULL;
}
