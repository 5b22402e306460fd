/* SPDX-License-Identifier: Apache-2.0 */
/* What we use of libarchive, as forwards (base/lazy.h). */
#include <archive.h>
#include <archive_entry.h>
#include <stdarg.h>

#include "base/alloc.h"
#include "base/lazy.h"
#include "base/macros.h"

static struct sw_lazy lib = SW_LAZY_INIT("libarchive.so.13");

int sw_archive_load(struct sw_err *err)
{
    return sw_lazy_load(&lib, err);
}

typedef struct archive archive;
typedef struct archive_entry entry;
typedef struct archive_entry_linkresolver links;

SW_LAZY_0(lib, entry *, archive_entry_new)
SW_LAZY_1(lib, void, archive_entry_free, entry *)
SW_LAZY_1(lib, __LA_MODE_T, archive_entry_filetype, entry *)
SW_LAZY_1(lib, la_int64_t, archive_entry_gid, entry *)
SW_LAZY_1(lib, const char *, archive_entry_hardlink, entry *)
SW_LAZY_1(lib, time_t, archive_entry_mtime, entry *)
SW_LAZY_1(lib, int, archive_entry_mtime_is_set, entry *)
SW_LAZY_1(lib, long, archive_entry_mtime_nsec, entry *)
SW_LAZY_1(lib, const char *, archive_entry_pathname, entry *)
SW_LAZY_1(lib, __LA_MODE_T, archive_entry_perm, entry *)
SW_LAZY_1(lib, dev_t, archive_entry_rdevmajor, entry *)
SW_LAZY_1(lib, dev_t, archive_entry_rdevminor, entry *)
SW_LAZY_1(lib, la_int64_t, archive_entry_size, entry *)
SW_LAZY_1(lib, const char *, archive_entry_sourcepath, entry *)
SW_LAZY_1(lib, const char *, archive_entry_symlink, entry *)
SW_LAZY_1(lib, la_int64_t, archive_entry_uid, entry *)
SW_LAZY_4(lib, int, archive_entry_xattr_next, entry *, const char **, const void **, size_t *)
SW_LAZY_1(lib, int, archive_entry_xattr_reset, entry *)
SW_LAZY_2(lib, void, archive_entry_copy_pathname, entry *, const char *)
SW_LAZY_2(lib, void, archive_entry_copy_sourcepath, entry *, const char *)
SW_LAZY_2(lib, void, archive_entry_set_filetype, entry *, unsigned int)
SW_LAZY_3(lib, void, archive_entry_set_mtime, entry *, time_t, long)
SW_LAZY_2(lib, void, archive_entry_set_pathname, entry *, const char *)
SW_LAZY_2(lib, void, archive_entry_set_perm, entry *, __LA_MODE_T)
SW_LAZY_2(lib, void, archive_entry_set_size, entry *, la_int64_t)

SW_LAZY_0(lib, links *, archive_entry_linkresolver_new)
SW_LAZY_1(lib, void, archive_entry_linkresolver_free, links *)
SW_LAZY_2(lib, void, archive_entry_linkresolver_set_strategy, links *, int)
SW_LAZY_3(lib, void, archive_entry_linkify, links *, entry **, entry **)

SW_LAZY_1(lib, int, archive_errno, archive *)
SW_LAZY_1(lib, const char *, archive_error_string, archive *)

SW_LAZY_0(lib, archive *, archive_read_new)
SW_LAZY_1(lib, int, archive_read_free, archive *)
SW_LAZY_1(lib, int, archive_read_support_filter_gzip, archive *)
SW_LAZY_1(lib, int, archive_read_support_filter_none, archive *)
SW_LAZY_1(lib, int, archive_read_support_filter_zstd, archive *)
SW_LAZY_1(lib, int, archive_read_support_format_empty, archive *)
SW_LAZY_1(lib, int, archive_read_support_format_raw, archive *)
SW_LAZY_1(lib, int, archive_read_support_format_tar, archive *)
SW_LAZY_5(lib, int, archive_read_open, archive *, void *, archive_open_callback *,
          archive_read_callback *, archive_close_callback *)
SW_LAZY_3(lib, int, archive_read_open_filename, archive *, const char *, size_t)
SW_LAZY_2(lib, int, archive_read_next_header, archive *, entry **)
SW_LAZY_4(lib, int, archive_read_data_block, archive *, const void **, size_t *, la_int64_t *)

SW_LAZY_0(lib, archive *, archive_read_disk_new)
SW_LAZY_4(lib, int, archive_read_disk_entry_from_file, archive *, entry *, int, const struct stat *)
SW_LAZY_1(lib, int, archive_read_disk_set_symlink_physical, archive *)

SW_LAZY_0(lib, archive *, archive_write_new)
SW_LAZY_1(lib, int, archive_write_free, archive *)
SW_LAZY_1(lib, int, archive_write_close, archive *)
SW_LAZY_3(lib, la_ssize_t, archive_write_data, archive *, const void *, size_t)
SW_LAZY_2(lib, int, archive_write_header, archive *, entry *)
SW_LAZY_5(lib, int, archive_write_open, archive *, void *, archive_open_callback *,
          archive_write_callback *, archive_close_callback *)
SW_LAZY_2(lib, int, archive_write_open_fd, archive *, int)
SW_LAZY_2(lib, int, archive_write_set_bytes_in_last_block, archive *, int)
SW_LAZY_2(lib, int, archive_write_set_bytes_per_block, archive *, int)
SW_LAZY_1(lib, int, archive_write_set_format_pax_restricted, archive *)

void archive_set_error(archive *a, int number, const char *format, ...)
{
    static _Atomic(void *) slot;
    va_list ap;
    va_start(ap, format);
    sw_autofree char *text = sw_vasprintf(format, ap);
    va_end(ap);
    ((__typeof__(&archive_set_error))sw_lazy_symbol(&lib, &slot, "archive_set_error"))(a, number,
                                                                                       "%s", text);
}
