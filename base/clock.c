/* SPDX-License-Identifier: Apache-2.0 */
/* Calendar arithmetic is done here rather than by libc: log lines and signatures are on the hot
 * path, and nothing may depend on a locale or time zone. The calendar is the proleptic Gregorian
 * one; times outside the years 0000 to 9999 are clamped, so that every text form keeps its width.
 */
#include "base/clock.h"

#include <errno.h>
#include <time.h>

#include "base/macros.h"

#define US_PER_S                 1000000
#define S_PER_DAY                86400
#define DAYS_PER_400_YEARS       146097
#define DAYS_0000_03_01_TO_EPOCH 719468
#define S_MIN                    (-62167219200LL) /* 0000-01-01T00:00:00Z */
#define S_MAX                    253402300799LL   /* 9999-12-31T23:59:59Z */

static const char months[12][4] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                   "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
static const char weekdays[7][4] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};

struct civil {
    int year, month, day; /* month and day from 1 */
    int hour, minute, second, us;
    int weekday; /* 0: Sunday */
};

static int64_t now_of(clockid_t clock, int64_t per_s)
{
    struct timespec t;

    (void)clock_gettime(clock, &t);
    return t.tv_sec * per_s + t.tv_nsec / (1000000000 / per_s);
}

int64_t sw_now_us(void)
{
    return now_of(CLOCK_REALTIME, US_PER_S);
}

int64_t sw_now_s(void)
{
    return now_of(CLOCK_REALTIME, 1);
}

int64_t sw_mono_ms(void)
{
    return now_of(CLOCK_MONOTONIC, 1000);
}

int64_t sw_mono_us(void)
{
    return now_of(CLOCK_MONOTONIC, US_PER_S);
}

void sw_sleep_ms(int64_t ms)
{
    struct timespec t;

    if (ms <= 0)
        return;
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    t.tv_sec += ms / 1000;
    t.tv_nsec += ms % 1000 * 1000000;
    if (t.tv_nsec >= 1000000000) {
        t.tv_nsec -= 1000000000;
        t.tv_sec++;
    }
    while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, NULL) == EINTR)
        ;
}

/* Years are counted from March, so that the leap day is the last of its year. */
static int64_t days_from_civil(int year, int month, int day)
{
    int64_t y = month <= 2 ? year - 1 : year;
    int64_t era = (y >= 0 ? y : y - 399) / 400;
    int64_t year_of_era = y - era * 400;
    int64_t day_of_year = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1;
    int64_t day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;

    return era * DAYS_PER_400_YEARS + day_of_era - DAYS_0000_03_01_TO_EPOCH;
}

static void civil_from_days(int64_t days, struct civil *ret)
{
    int64_t z = days + DAYS_0000_03_01_TO_EPOCH;
    int64_t era = (z >= 0 ? z : z - (DAYS_PER_400_YEARS - 1)) / DAYS_PER_400_YEARS;
    int64_t doe = z - era * DAYS_PER_400_YEARS;
    int64_t yoe = (doe - doe / 1460 + doe / 36524 - doe / (DAYS_PER_400_YEARS - 1)) / 365;
    int64_t doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
    int64_t m = (5 * doy + 2) / 153; /* 0: March */

    ret->day = (int)(doy - (153 * m + 2) / 5 + 1);
    ret->month = (int)(m < 10 ? m + 3 : m - 9);
    ret->year = (int)(yoe + era * 400 + (m >= 10));
    ret->weekday = (int)(((days + 4) % 7 + 7) % 7);
}

static struct civil civil_of(int64_t us)
{
    struct civil c;
    int64_t s = us / US_PER_S, rest = us % US_PER_S;

    if (rest < 0) {
        rest += US_PER_S;
        s--;
    }
    s = SW_MIN(SW_MAX(s, S_MIN), S_MAX);
    int64_t days = s / S_PER_DAY, in_day = s % S_PER_DAY;
    if (in_day < 0) {
        in_day += S_PER_DAY;
        days--;
    }
    civil_from_days(days, &c);
    c.hour = (int)(in_day / 3600);
    c.minute = (int)(in_day / 60 % 60);
    c.second = (int)(in_day % 60);
    c.us = (int)rest;
    return c;
}

/* Writes exactly `width` digits. */
static char *put(char *out, int value, int width)
{
    for (int i = width - 1; i >= 0; i--) {
        out[i] = (char)('0' + value % 10);
        value /= 10;
    }
    return out + width;
}

static char *put_char(char *out, char c)
{
    *out = c;
    return out + 1;
}

static char *put_name(char *out, const char name[4])
{
    memcpy(out, name, 3);
    return out + 3;
}

static char *put_date_time(char *out, const struct civil *c)
{
    out = put_char(put(out, c->year, 4), '-');
    out = put_char(put(out, c->month, 2), '-');
    out = put_char(put(out, c->day, 2), 'T');
    out = put_char(put(out, c->hour, 2), ':');
    out = put_char(put(out, c->minute, 2), ':');
    return put(out, c->second, 2);
}

void sw_format_iso8601(int64_t us, char out[SW_TIME_LEN])
{
    struct civil c = civil_of(us);

    out = put_char(put_date_time(out, &c), '.');
    out = put_char(put(out, c.us, 6), 'Z');
    *out = 0;
}

void sw_format_iso8601_s(int64_t us, char out[SW_TIME_LEN])
{
    struct civil c = civil_of(us);

    out = put_char(put_date_time(out, &c), 'Z');
    *out = 0;
}

void sw_format_amz_date(int64_t us, char out[SW_TIME_LEN])
{
    struct civil c = civil_of(us);

    out = put_char(put(put(put(out, c.year, 4), c.month, 2), c.day, 2), 'T');
    out = put_char(put(put(put(out, c.hour, 2), c.minute, 2), c.second, 2), 'Z');
    *out = 0;
}

void sw_format_http_date(int64_t us, char out[SW_TIME_LEN])
{
    struct civil c = civil_of(us);

    out = put_char(put_char(put_name(out, weekdays[c.weekday]), ','), ' ');
    out = put_char(put(out, c.day, 2), ' ');
    out = put_char(put_name(out, months[c.month - 1]), ' ');
    out = put_char(put(out, c.year, 4), ' ');
    out = put_char(put(out, c.hour, 2), ':');
    out = put_char(put(out, c.minute, 2), ':');
    out = put_char(put(out, c.second, 2), ' ');
    memcpy(out, "GMT", 4);
}

/* A reader that remembers its first failure, so that a format is one straight sequence of calls. */
struct reader {
    struct sw_str rest;
    bool bad;
};

static int take(struct reader *r, size_t width)
{
    int v = 0;

    if (r->rest.n < width)
        r->bad = true;
    for (size_t i = 0; i < width && !r->bad; i++) {
        char c = r->rest.p[i];
        if (c < '0' || c > '9')
            r->bad = true;
        else
            v = v * 10 + (c - '0');
    }
    if (!r->bad)
        r->rest = sw_str_slice(r->rest, width, r->rest.n);
    return v;
}

static void expect(struct reader *r, const char *literal)
{
    if (!r->bad && sw_str_starts_with(r->rest, literal))
        r->rest = sw_str_slice(r->rest, strlen(literal), r->rest.n);
    else
        r->bad = true;
}

/* Index of the three-letter name that comes next. */
static int take_name(struct reader *r, const char names[][4], int n)
{
    for (int i = 0; i < n && !r->bad; i++) {
        if (sw_str_starts_with(r->rest, names[i])) {
            r->rest = sw_str_slice(r->rest, 3, r->rest.n);
            return i;
        }
    }
    r->bad = true;
    return 0;
}

static void take_time_of_day(struct reader *r, struct civil *c, const char *separator)
{
    c->hour = take(r, 2);
    expect(r, separator);
    c->minute = take(r, 2);
    expect(r, separator);
    c->second = take(r, 2);
}

static bool is_leap(int year)
{
    return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
}

static bool us_of_civil(const struct civil *c, int64_t *ret_us)
{
    static const int days[12] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};

    if (c->month < 1 || c->month > 12 || c->day < 1 ||
        c->day > days[c->month - 1] + (c->month == 2 && is_leap(c->year)))
        return false;
    if (c->hour > 23 || c->minute > 59 || c->second > 59)
        return false;
    int64_t s = days_from_civil(c->year, c->month, c->day) * S_PER_DAY + c->hour * 3600 +
                c->minute * 60 + c->second;
    *ret_us = s * US_PER_S + c->us;
    return true;
}

bool sw_parse_amz_date(struct sw_str s, int64_t *ret_us)
{
    struct reader r = {.rest = s};
    struct civil c = {0};

    c.year = take(&r, 4);
    c.month = take(&r, 2);
    c.day = take(&r, 2);
    expect(&r, "T");
    take_time_of_day(&r, &c, "");
    expect(&r, "Z");
    return !r.bad && r.rest.n == 0 && us_of_civil(&c, ret_us);
}

bool sw_parse_http_date(struct sw_str s, int64_t *ret_us)
{
    struct reader r = {.rest = s};
    struct civil c = {0};

    (void)take_name(&r, weekdays, 7);
    expect(&r, ", ");
    c.day = take(&r, 2);
    expect(&r, " ");
    c.month = take_name(&r, months, 12) + 1;
    expect(&r, " ");
    c.year = take(&r, 4);
    expect(&r, " ");
    take_time_of_day(&r, &c, ":");
    expect(&r, " GMT");
    return !r.bad && r.rest.n == 0 && us_of_civil(&c, ret_us);
}

/* ".25": digits beyond the sixth are dropped. */
static int take_fraction(struct reader *r)
{
    int us = 0, digits = 0;

    if (r->bad || !sw_str_starts_with(r->rest, "."))
        return 0;
    expect(r, ".");
    while (r->rest.n > 0 && r->rest.p[0] >= '0' && r->rest.p[0] <= '9') {
        int v = take(r, 1);
        if (digits++ < 6)
            us = us * 10 + v;
    }
    if (digits == 0)
        r->bad = true;
    for (; digits < 6; digits++)
        us *= 10;
    return us;
}

/* "Z", "+02:00" or "-05:30", as microseconds east of Greenwich. */
static int64_t take_zone(struct reader *r)
{
    if (sw_str_starts_with(r->rest, "Z")) {
        expect(r, "Z");
        return 0;
    }
    bool west = sw_str_starts_with(r->rest, "-");
    expect(r, west ? "-" : "+");
    int hours = take(r, 2);
    expect(r, ":");
    int minutes = take(r, 2);
    if (hours > 23 || minutes > 59)
        r->bad = true;
    int64_t s = hours * 3600 + minutes * 60;
    return (west ? -s : s) * US_PER_S;
}

bool sw_parse_iso8601(struct sw_str s, int64_t *ret_us)
{
    struct reader r = {.rest = s};
    struct civil c = {0};
    int64_t us;

    c.year = take(&r, 4);
    expect(&r, "-");
    c.month = take(&r, 2);
    expect(&r, "-");
    c.day = take(&r, 2);
    expect(&r, "T");
    take_time_of_day(&r, &c, ":");
    c.us = take_fraction(&r);
    int64_t east = take_zone(&r);
    if (r.bad || r.rest.n != 0 || !us_of_civil(&c, &us))
        return false;
    *ret_us = us - east;
    return true;
}
