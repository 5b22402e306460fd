/* SPDX-License-Identifier: Apache-2.0 */
/* The database's side of tests/lib/power.h: an SQLite VFS over the one of the platform. Folders that SQLite syncs are seen through its
 * table of system calls. */
#include <assert.h>
#include <sqlite3.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/macros.h"
#include "tests/lib/power.h"
#include "tests/lib/test.h"

struct shim_file {
    sqlite3_file head;
    struct power_disk *disk; /* NULL: not ours */
    size_t node;
};

static struct {
    sqlite3_vfs vfs, *real;
    struct power_disk *disk;
    char folder[POWER_PATH_MAX];
    int (*open_directory)(const char *path, int *ret_fd);
} shim;

/* The file of the platform's VFS follows ours in memory. */
static sqlite3_file *under(sqlite3_file *f)
{
    return (sqlite3_file *)((struct shim_file *)f + 1);
}

/* The part of a path below the attached folder, or NULL. */
static const char *below(const char *path)
{
    size_t n = strlen(shim.folder);
    if (!shim.disk || !path || strncmp(path, shim.folder, n) != 0)
        return NULL;
    return path[n] == '/' ? path + n + 1 : path[n] ? NULL : "";
}

static bool alive(struct power_disk *d, bool counts)
{
    pthread_mutex_lock(&d->lock);
    bool yes = counts ? power_tick(d) : !d->dead;
    if (!yes)
        pthread_mutex_unlock(&d->lock);
    return yes; /* and locked */
}

/* --- files ------------------------------------------------------------------------------------ */

static int f_close(sqlite3_file *f)
{
    return under(f)->pMethods->xClose(under(f));
}

static int f_read(sqlite3_file *f, void *p, int n, sqlite3_int64 at)
{
    return under(f)->pMethods->xRead(under(f), p, n, at);
}

static int f_write(sqlite3_file *f, const void *p, int n, sqlite3_int64 at)
{
    struct shim_file *s = (struct shim_file *)f;
    if (s->disk) {
        if (!alive(s->disk, false))
            return SQLITE_IOERR_WRITE;
        power_write(s->disk, s->node, p, (size_t)n, (size_t)at);
        pthread_mutex_unlock(&s->disk->lock);
    }
    return under(f)->pMethods->xWrite(under(f), p, n, at);
}

static int f_truncate(sqlite3_file *f, sqlite3_int64 size)
{
    struct shim_file *s = (struct shim_file *)f;
    if (s->disk) {
        if (!alive(s->disk, true))
            return SQLITE_IOERR_TRUNCATE;
        power_truncate(s->disk, s->node, (size_t)size);
        pthread_mutex_unlock(&s->disk->lock);
    }
    return under(f)->pMethods->xTruncate(under(f), size);
}

/* The real one may sync the folder too (open_directory below) and does not tell when that failed. */
static int f_sync(sqlite3_file *f, int flags)
{
    struct shim_file *s = (struct shim_file *)f;
    if (!s->disk)
        return under(f)->pMethods->xSync(under(f), flags);
    if (!alive(s->disk, true))
        return SQLITE_IOERR_FSYNC;
    s->disk->sql_syncs++;
    power_sync(s->disk, s->node);
    pthread_mutex_unlock(&s->disk->lock);
    int rc = under(f)->pMethods->xSync(under(f), flags);
    if (!alive(s->disk, false))
        return SQLITE_IOERR_FSYNC;
    pthread_mutex_unlock(&s->disk->lock);
    return rc;
}

static int f_file_size(sqlite3_file *f, sqlite3_int64 *ret)
{
    return under(f)->pMethods->xFileSize(under(f), ret);
}

static int f_lock(sqlite3_file *f, int level)
{
    return under(f)->pMethods->xLock(under(f), level);
}

static int f_unlock(sqlite3_file *f, int level)
{
    return under(f)->pMethods->xUnlock(under(f), level);
}

static int f_check_reserved_lock(sqlite3_file *f, int *ret)
{
    return under(f)->pMethods->xCheckReservedLock(under(f), ret);
}

static int f_file_control(sqlite3_file *f, int op, void *arg)
{
    return under(f)->pMethods->xFileControl(under(f), op, arg);
}

static int f_sector_size(sqlite3_file *f)
{
    return under(f)->pMethods->xSectorSize(under(f));
}

static int f_device_characteristics(sqlite3_file *f)
{
    return under(f)->pMethods->xDeviceCharacteristics(under(f));
}

static int f_shm_map(sqlite3_file *f, int page, int size, int extend, void volatile **ret)
{
    return under(f)->pMethods->xShmMap(under(f), page, size, extend, ret);
}

static int f_shm_lock(sqlite3_file *f, int offset, int n, int flags)
{
    return under(f)->pMethods->xShmLock(under(f), offset, n, flags);
}

static void f_shm_barrier(sqlite3_file *f)
{
    under(f)->pMethods->xShmBarrier(under(f));
}

static int f_shm_unmap(sqlite3_file *f, int remove)
{
    return under(f)->pMethods->xShmUnmap(under(f), remove);
}

static const sqlite3_io_methods file_methods = {
    .iVersion = 2,
    .xClose = f_close,
    .xRead = f_read,
    .xWrite = f_write,
    .xTruncate = f_truncate,
    .xSync = f_sync,
    .xFileSize = f_file_size,
    .xLock = f_lock,
    .xUnlock = f_unlock,
    .xCheckReservedLock = f_check_reserved_lock,
    .xFileControl = f_file_control,
    .xSectorSize = f_sector_size,
    .xDeviceCharacteristics = f_device_characteristics,
    .xShmMap = f_shm_map,
    .xShmLock = f_shm_lock,
    .xShmBarrier = f_shm_barrier,
    .xShmUnmap = f_shm_unmap,
};

/* --- the VFS ---------------------------------------------------------------------------------- */

static void note_file(struct shim_file *s, const char *path, const char *name, bool existed)
{
    struct stat st;
    struct power_name *known = power_name_find(s->disk, name);
    if (known) {
        s->node = known->node;
        return;
    }
    CHECK(stat(path, &st) == 0);
    assert(!existed || st.st_size == 0);
    s->node = power_node_new(s->disk, st.st_ino, false);
    power_name_set(s->disk, name, s->node);
    power_name_find(s->disk, name)->durable = existed;
}

static int v_open(sqlite3_vfs *vfs, sqlite3_filename path, sqlite3_file *f, int flags,
                  int *ret_flags)
{
    struct shim_file *s = (struct shim_file *)f;
    const char *name = below(path);
    struct stat st;
    (void)vfs;
    *s = (struct shim_file){.disk = name ? shim.disk : NULL};
    bool existed = path && stat(path, &st) == 0;
    if (s->disk && !alive(s->disk, !existed))
        return SQLITE_CANTOPEN;
    int rc = shim.real->xOpen(shim.real, path, under(f), flags, ret_flags);
    if (s->disk) {
        if (rc == SQLITE_OK)
            note_file(s, path, name, existed);
        pthread_mutex_unlock(&s->disk->lock);
    }
    s->head.pMethods = under(f)->pMethods ? &file_methods : NULL;
    return rc;
}

static int v_delete(sqlite3_vfs *vfs, const char *path, int sync_folder)
{
    const char *name = below(path);
    (void)vfs;
    if (name) {
        if (!alive(shim.disk, true))
            return SQLITE_IOERR_DELETE;
        power_name_drop(shim.disk, name);
        pthread_mutex_unlock(&shim.disk->lock);
    }
    return shim.real->xDelete(shim.real, path, sync_folder);
}

/* SQLite opens a folder, given by the path of a file in it, only to sync it at once. */
static int open_directory(const char *path, int *ret_fd)
{
    const char *name = below(path);
    if (name) {
        char folder[POWER_PATH_MAX];
        (void)snprintf(folder, sizeof(folder), "%s", name);
        char *slash = strrchr(folder, '/');
        *(slash ? slash : folder) = 0;
        if (!alive(shim.disk, true))
            return SQLITE_CANTOPEN;
        power_sync_folder(shim.disk, folder);
        pthread_mutex_unlock(&shim.disk->lock);
    }
    return shim.open_directory(path, ret_fd);
}

static void install(void)
{
    static const char call[] = "openDirectory";
    CHECK(sqlite3_initialize() == SQLITE_OK);
    shim.real = sqlite3_vfs_find(NULL);
    CHECK(shim.real && shim.real->iVersion >= 3);
    shim.vfs = *shim.real;
    shim.vfs.zName = "power";
    shim.vfs.pNext = NULL;
    shim.vfs.szOsFile = (int)sizeof(struct shim_file) + shim.real->szOsFile;
    shim.vfs.xOpen = v_open;
    shim.vfs.xDelete = v_delete;
    sqlite3_syscall_ptr old = shim.real->xGetSystemCall(shim.real, call);
    CHECK(old);
    shim.open_directory = (int (*)(const char *, int *))(void *)old;
    CHECK(shim.real->xSetSystemCall(shim.real, call, (sqlite3_syscall_ptr)(void *)open_directory) ==
          SQLITE_OK);
    CHECK(sqlite3_vfs_register(&shim.vfs, 1) == SQLITE_OK);
}

void power_sqlite_attach(struct power_disk *d, const char *folder)
{
    if (!shim.real)
        install();
    assert(!shim.disk && strlen(folder) < sizeof(shim.folder));
    (void)snprintf(shim.folder, sizeof(shim.folder), "%s", folder);
    shim.disk = d;
}

void power_sqlite_detach(void)
{
    shim.disk = NULL;
}
