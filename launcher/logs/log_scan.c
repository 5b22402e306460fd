/* SPDX-License-Identifier: Apache-2.0 */
/* launcher/logs/log_scan.c
 * Segments overlap in time, so they are read in the order of their nearest event, until no segment that is left could hold one that
 * belongs before the last of the page (the frontier).
 * What is costly to ask (a pattern) may end at any event. Then what lies before the segment that was being read is a short page; when that
 * is nothing, events are taken unasked in their order, and asked one by one: each call gets on by one at least.
 * Backwards is the same with every comparison turned round; the page is turned at the end. */
#include "launcher/logs/log_scan.h"

#include <stdlib.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/macros.h"

#define SORT_BYTES    (4LL * 1024 * 1024) /* new ones since the last cut */
#define ASKED_BETWEEN ((size_t)16 * 1024) /* bytes from one look at the clock to the next */
#define ASKED_EVENT   1024                /* that an event counts beside its own */
#define SLOW_EVENTS   10000
#define SLOW_MS       200

struct piece {
    size_t stream;
    struct log_segment_info info;
    int64_t near_ms; /* of its events, the first in our direction */
};

struct scan {
    const struct log_scan *q;
    bool backwards;
    struct piece *pieces;
    size_t pieces_n, pieces_cap;
    struct log_found *found;
    size_t n, cap, sorted;
    int64_t bytes, looked;
    bool cut, late; /* late: in the middle of a piece */
    bool nowhere;   /* of one without which no page is complete */
    size_t stream, asked;
};

static uint64_t stream_number(const char *stream_id)
{
    uint64_t v = 0;
    for (size_t i = 0; i < 16 && stream_id[i]; i++)
        v = v << 4 | (uint64_t)(stream_id[i] <= '9' ? stream_id[i] - '0' : stream_id[i] - 'a' + 10);
    return v;
}

static int key_cmp(const struct log_key *a, const struct log_key *b)
{
    if (a->timestamp_ms != b->timestamp_ms)
        return a->timestamp_ms < b->timestamp_ms ? -1 : 1;
    if (a->stream != b->stream)
        return a->stream < b->stream ? -1 : 1;
    return a->sequence < b->sequence ? -1 : a->sequence > b->sequence;
}

static int ascending(const void *a, const void *b)
{
    return key_cmp(&((const struct log_found *)a)->key, &((const struct log_found *)b)->key);
}

static int descending(const void *a, const void *b)
{
    return ascending(b, a);
}

static int nearest_first(const void *a, const void *b)
{
    const struct piece *x = a, *y = b;
    return x->near_ms < y->near_ms ? -1 : x->near_ms > y->near_ms;
}

static int farthest_first(const void *a, const void *b)
{
    return nearest_first(b, a);
}

static bool may_hold(const struct scan *s, const struct log_segment_info *i)
{
    const struct log_scan *q = s->q;
    if (i->events == 0 || i->max_ms < q->from_ms || i->min_ms >= q->until_ms ||
        i->last_ingestion_ms < q->ingested_from_ms)
        return false;
    if (!s->backwards && q->after && i->max_ms < q->after->timestamp_ms)
        return false;
    return !(s->backwards && q->before && i->min_ms > q->before->timestamp_ms);
}

static int list_pieces(struct scan *s, struct sw_err *err)
{
    for (size_t i = 0; i < s->q->streams_n; i++) {
        struct log_segment_info *list = NULL;
        size_t n = 0;
        struct sw_err e = SW_ERR_INIT;
        int r = log_files_segments(s->q->files, s->q->group, s->q->streams[i].id, &list, &n, &e);
        if (r < 0 && r != SW_ENOTFOUND)
            return sw_err_move(err, &e);
        for (size_t k = 0; r == 0 && k < n; k++) {
            if (!may_hold(s, &list[k]))
                continue;
            if (s->pieces_n == s->pieces_cap) {
                s->pieces_cap = s->pieces_cap ? s->pieces_cap * 2 : 16;
                s->pieces = sw_realloc_array(s->pieces, s->pieces_cap, sizeof *s->pieces);
            }
            s->pieces[s->pieces_n++] =
                (struct piece){.stream = i,
                               .info = list[k],
                               .near_ms = s->backwards ? list[k].max_ms : list[k].min_ms};
        }
        free(list);
    }
    if (s->pieces_n)
        qsort(s->pieces, s->pieces_n, sizeof *s->pieces,
              s->backwards ? farthest_first : nearest_first);
    return 0;
}

static bool in_range(const struct scan *s, const struct log_key *k)
{
    const struct log_scan *q = s->q;
    if (k->timestamp_ms < q->from_ms || k->timestamp_ms >= q->until_ms)
        return false;
    return s->backwards ? !q->before || key_cmp(k, q->before) < 0
                        : !q->after || key_cmp(k, q->after) > 0;
}

static bool is_late(struct scan *s, size_t message_n)
{
    if (!s->q->costly || !s->q->look_until_ms)
        return false;
    if (s->asked >= ASKED_BETWEEN) {
        s->asked = 0;
        s->late = sw_mono_ms() >= s->q->look_until_ms;
    }
    s->asked += ASKED_EVENT + message_n;
    return s->late;
}

static bool take(void *ctx, const struct log_event *e)
{
    struct scan *s = ctx;
    const struct log_key key = {e->timestamp_ms, stream_number(s->q->streams[s->stream].id),
                                e->sequence};
    if (e->ingestion_ms < s->q->ingested_from_ms ||
        (s->q->ingested_until_ms && e->ingestion_ms >= s->q->ingested_until_ms))
        return true;
    if (!in_range(s, &key))
        return true;
    if (s->q->wanted && is_late(s, e->message.n))
        return false;
    if (s->q->wanted && !s->q->wanted(s->q->ctx, e->message))
        return true;
    if (s->n == s->cap) {
        s->cap = s->cap ? s->cap * 2 : 64;
        s->found = sw_realloc_array(s->found, s->cap, sizeof *s->found);
    }
    s->found[s->n++] = (struct log_found){.stream = s->stream,
                                          .key = key,
                                          .ingestion_ms = e->ingestion_ms,
                                          .message = sw_str_dup(e->message),
                                          .message_n = e->message.n};
    s->bytes += (int64_t)e->message.n;
    return true;
}

static void drop_from(struct scan *s, size_t keep)
{
    for (size_t i = keep; i < s->n; i++) {
        s->bytes -= (int64_t)s->found[i].message_n;
        free(s->found[i].message);
    }
    s->cut |= keep < s->n;
    s->n = SW_MIN(s->n, keep);
}

/* In our direction, and no more than a page. */
static void sort_and_cut(struct scan *s)
{
    int64_t bytes = 0;
    size_t keep = 0;
    if (s->n)
        qsort(s->found, s->n, sizeof *s->found, s->backwards ? descending : ascending);
    while (keep < s->n && keep < s->q->events_max &&
           (keep == 0 || bytes + (int64_t)s->found[keep].message_n <= s->q->bytes_max))
        bytes += (int64_t)s->found[keep++].message_n;
    drop_from(s, keep);
    s->sorted = s->n;
}

static bool is_full(const struct scan *s)
{
    return s->cut || s->n >= s->q->events_max || s->bytes >= s->q->bytes_max;
}

/* Nothing that is left can come before the last of a full page. */
static bool is_settled(const struct scan *s, int64_t frontier)
{
    if (s->n == 0 || !is_full(s))
        return false;
    const int64_t last = s->found[s->n - 1].key.timestamp_ms;
    return s->backwards ? last > frontier : last < frontier;
}

/* The bytes for one call are used up: what lies before the frontier is complete. */
static size_t complete(const struct scan *s, int64_t frontier)
{
    size_t n = 0;
    while (n < s->n && (s->backwards ? s->found[n].key.timestamp_ms > frontier
                                     : s->found[n].key.timestamp_ms < frontier))
        n++;
    return n;
}

/* Whether something of the range lies before that piece. */
static bool is_beyond_the_start(const struct scan *s, size_t i)
{
    const int64_t start =
        s->q->after ? SW_MAX(s->q->after->timestamp_ms, s->q->from_ms) : s->q->from_ms;
    return !s->backwards && s->pieces[i].near_ms > start;
}

static bool used_up(const struct scan *s, size_t i)
{
    const bool bytes = s->q->look_max && s->looked >= s->q->look_max;
    const bool time = s->q->look_until_ms && s->looked > 0 && sw_mono_ms() >= s->q->look_until_ms;
    return (bytes || time) && is_beyond_the_start(s, i);
}

/* What lies before that piece. */
static void end_before(struct scan *s, size_t i, struct log_page *ret)
{
    const int64_t near_ms = s->pieces[i].near_ms;
    sort_and_cut(s);
    if (is_settled(s, near_ms))
        return;
    ret->more = true;
    ret->next = (struct log_key){.timestamp_ms = near_ms};
    drop_from(s, complete(s, near_ms));
}

static int read_pieces(struct scan *s, struct log_page *ret, struct sw_err *err)
{
    for (size_t i = 0; i < s->pieces_n; i++) {
        const struct piece *p = &s->pieces[i];
        if (s->n >= s->q->events_max || s->bytes >= SORT_BYTES) {
            if (s->n - s->sorted > s->q->events_max / 8 || s->bytes >= SORT_BYTES ||
                s->sorted < s->q->events_max)
                sort_and_cut(s);
            if (is_settled(s, p->near_ms)) {
                s->cut = true;
                return 0;
            }
        }
        if (used_up(s, i)) {
            end_before(s, i, ret);
            return 0;
        }
        s->stream = p->stream;
        s->looked += p->info.bytes;
        if (log_files_read(s->q->files, s->q->group, s->q->streams[p->stream].id, &p->info, take, s,
                           err) < 0)
            return err->code;
        if (s->late) {
            s->nowhere = !is_beyond_the_start(s, i);
            if (!s->nowhere)
                end_before(s, i, ret);
            return 0;
        }
    }
    return 0;
}

static void turn(struct scan *s)
{
    for (size_t i = 0; i < s->n / 2; i++) {
        struct log_found t = s->found[i];
        s->found[i] = s->found[s->n - 1 - i];
        s->found[s->n - 1 - i] = t;
    }
}

/* The first events as they come, and of those the ones that are wanted, as far as time goes. */
static int scan_slowly(const struct log_scan *q, struct log_page *ret, struct sw_err *err)
{
    struct log_scan all = *q;
    struct log_key last = {.timestamp_ms = 0};
    size_t kept = 0, i = 0;
    all.wanted = NULL;
    all.look_max = all.look_until_ms = 0;
    all.events_max = SLOW_EVENTS;
    if (log_scan(&all, ret, err) < 0)
        return err->code;
    const int64_t until_ms = sw_mono_ms() + SLOW_MS;
    for (; i < ret->n && kept < q->events_max && (i == 0 || sw_mono_ms() < until_ms); i++) {
        struct log_found *e = &ret->events[i];
        last = e->key;
        if (q->wanted(q->ctx, sw_str_n(e->message, e->message_n))) {
            struct log_found found = *e;
            e->message = NULL;
            ret->events[kept++] = found;
        } else {
            free(SW_TAKE(e->message));
        }
    }
    if (i < ret->n) {
        ret->more = true;
        ret->next = last;
    }
    for (; i < ret->n; i++)
        free(ret->events[i].message);
    ret->n = kept;
    return 0;
}

int log_scan(const struct log_scan *q, struct log_page *ret, struct sw_err *err)
{
    struct scan s = {.q = q, .backwards = q->backwards || q->before};
    *ret = (struct log_page){.n = 0};
    int r = list_pieces(&s, err);
    if (r == 0)
        r = read_pieces(&s, ret, err);
    if (r < 0 || s.nowhere) {
        drop_from(&s, 0);
        free(s.found);
        free(s.pieces);
        return r < 0 ? r : scan_slowly(q, ret, err);
    }
    const bool short_page = ret->more;
    sort_and_cut(&s);
    if (!short_page && is_full(&s) && s.n > 0) {
        ret->more = true;
        ret->next = s.found[s.n - 1].key;
    }
    if (s.backwards)
        turn(&s);
    ret->events = s.found;
    ret->n = s.n;
    free(s.pieces);
    return 0;
}

void log_page_done(struct log_page *p)
{
    for (size_t i = 0; i < p->n; i++)
        free(p->events[i].message);
    free(p->events);
    *p = (struct log_page){.n = 0};
}
