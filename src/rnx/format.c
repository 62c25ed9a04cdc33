/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <string.h>
#include <time.h>

#include "format.h"
#include "quantity.h"

void timestamp_format(uint64_t usec, char ret[static 32]) {
        /* Lists have many: the local time is looked up once in a quarter of an hour, of which zones
         * differ by multiples. */
        static time_t cached = -1;
        static char prefix[32];
        static unsigned minute;
        time_t t = (time_t) (usec / USEC_PER_SEC), quarter = t - t % 900;

        ret[0] = 0;
        if (usec == 0 || usec == USEC_INFINITY)
                return;
        if (quarter != cached) {
                struct tm tm;

                if (!localtime_r(&quarter, &tm) || strftime(prefix, sizeof(prefix), "%F %H", &tm) == 0)
                        return;
                minute = (unsigned) tm.tm_min;
                cached = quarter;
        }
        (void) snprintf(ret, 32, "%.19s:%02u:%02u", prefix, minute + (unsigned) (t % 900 / 60),
                        (unsigned) (t % 60));
}

void timestamp_format_precise(uint64_t usec, char ret[static 48]) {
        /* Lines of a log come many to a second. */
        static time_t cached_time = -1;
        static char cached[32], cached_zone[8];
        time_t t = (time_t) (usec / USEC_PER_SEC);

        if (t != cached_time) {
                struct tm tm = {};

                (void) localtime_r(&t, &tm);
                (void) strftime(cached, sizeof(cached), "%FT%T", &tm);
                (void) strftime(cached_zone, sizeof(cached_zone), "%z", &tm);
                cached_time = t;
        }
        (void) snprintf(ret, 48, "%s.%06u%.3s:%s", cached, (unsigned) (usec % USEC_PER_SEC), cached_zone,
                        strlen(cached_zone) == 5 ? cached_zone + 3 : "00");
}

int duration_format(uint64_t usec, char **ret) {
        uint64_t accuracy = usec < 60 * USEC_PER_SEC ? 1000 : USEC_PER_SEC;

        if (usec < accuracy)
                usec = accuracy;
        return timespan_format(usec / accuracy * accuracy, accuracy, ret);
}

/* ".123456" after the seconds, to µs. */
static const char* fraction_parse(const char *s, uint64_t *usec) {
        uint64_t unit = USEC_PER_SEC / 10;

        if (*s != '.' || s[1] < '0' || s[1] > '9')
                return s;
        for (s++; *s >= '0' && *s <= '9'; s++, unit /= 10)
                *usec += (uint64_t) (*s - '0') * unit;
        return s;
}

/* "Z", "UTC", "+01:00", "+0100" behind a time. Returns 1 and the offset, 0 if there is none, -EINVAL. */
static int zone_parse(const char *s, long *ret_offset) {
        unsigned h, m;
        int n = 0;

        if (!*s)
                return 0;
        *ret_offset = 0;
        if (strcmp(s, "Z") == 0 || strcmp(s, "z") == 0 || strcmp(s, " UTC") == 0)
                return 1;
        if (*s != '+' && *s != '-')
                return -EINVAL;
        if ((sscanf(s + 1, "%2u:%2u%n", &h, &m, &n) != 2 && sscanf(s + 1, "%2u%2u%n", &h, &m, &n) != 2) ||
            s[1 + n] || n < 4 || h > 23 || m > 59)
                return -EINVAL;
        *ret_offset = (long) (h * 3600 + m * 60) * (*s == '-' ? -1 : 1);
        return 1;
}

static int calendar_parse(const char *s, time_t now, uint64_t *ret) {
        static const struct {
                const char *format;
                bool has_date, has_seconds;
        } forms[] = {
                { "%Y-%m-%dT%H:%M:%S", true,  true  },
                { "%Y-%m-%d %H:%M:%S", true,  true  },
                { "%Y-%m-%dT%H:%M",    true,  false },
                { "%Y-%m-%d %H:%M",    true,  false },
                { "%Y-%m-%d",          true,  false },
                { "%H:%M:%S",          false, true  },
                { "%H:%M",             false, false },
        };

        for (size_t i = 0; i < ELEMENTSOF(forms); i++) {
                struct tm tm = {}, today, given;
                uint64_t usec = 0;
                const char *end;
                long offset = 0;
                time_t t;
                int zoned;

                end = strptime(s, forms[i].format, &tm);
                if (!end)
                        continue;
                if (forms[i].has_seconds)
                        end = fraction_parse(end, &usec);
                zoned = zone_parse(end, &offset);
                if (zoned < 0 || (zoned > 0 && !forms[i].has_date))
                        continue;

                if (!forms[i].has_date) {
                        if (!localtime_r(&now, &today))
                                return -ERANGE;
                        tm.tm_year = today.tm_year;
                        tm.tm_mon = today.tm_mon;
                        tm.tm_mday = today.tm_mday;
                }
                tm.tm_isdst = -1;
                given = tm;
                t = zoned > 0 ? timegm(&tm) - offset : mktime(&tm);
                if (tm.tm_mday != given.tm_mday || tm.tm_mon != given.tm_mon) /* February 30 */
                        return -EINVAL;
                if (t < 0)
                        return -ERANGE;
                *ret = (uint64_t) t * USEC_PER_SEC + usec;
                return 0;
        }
        return -EINVAL;
}

static int midnight(time_t now, int days, uint64_t *ret) {
        struct tm tm;
        time_t t;

        if (!localtime_r(&now, &tm))
                return -ERANGE;
        tm.tm_mday += days;
        tm.tm_hour = tm.tm_min = tm.tm_sec = 0;
        tm.tm_isdst = -1;
        t = mktime(&tm);
        if (t < 0)
                return -ERANGE;
        *ret = (uint64_t) t * USEC_PER_SEC;
        return 0;
}

static int ago_parse(const char *s, size_t size, uint64_t now, uint64_t *ret) {
        _cleanup_free_ char *span = strndup(s, size);
        uint64_t usec;
        int r;

        if (!span)
                return -ENOMEM;
        r = timespan_parse(span, &usec);
        if (r < 0)
                return r;
        *ret = usec < now ? now - usec : 0;
        return 0;
}

int time_parse(const char *s, uint64_t now, uint64_t *ret) {
        size_t size = strlen(s);
        time_t t = (time_t) (now / USEC_PER_SEC);

        if (strcmp(s, "now") == 0) {
                *ret = now;
                return 0;
        }
        if (strcmp(s, "today") == 0)
                return midnight(t, 0, ret);
        if (strcmp(s, "yesterday") == 0)
                return midnight(t, -1, ret);
        if (s[0] == '@' && s[1] >= '0' && s[1] <= '9') {
                uint64_t usec = 0;
                unsigned long long n;
                char *end;

                errno = 0;
                n = strtoull(s + 1, &end, 10);
                if (*fraction_parse(end, &usec))
                        return -EINVAL;
                if (errno != 0 || n > UINT64_MAX / USEC_PER_SEC - 1)
                        return -ERANGE;
                *ret = (uint64_t) n * USEC_PER_SEC + usec;
                return 0;
        }
        if (s[0] == '-')
                return ago_parse(s + 1, size - 1, now, ret);
        if (size > 4 && strcmp(s + size - 4, " ago") == 0)
                return ago_parse(s, size - 4, now, ret);
        return calendar_parse(s, t, ret);
}

int job_id_parse(const char *s, uint64_t *ret) {
        static const char prefix[] = "joblet-job-", suffix[] = ".service";
        unsigned long long n;
        char *end;

        if (strncmp(s, prefix, strlen(prefix)) == 0)
                s += strlen(prefix);
        if (*s < '0' || *s > '9')
                return -EINVAL;
        errno = 0;
        n = strtoull(s, &end, 10);
        if (errno != 0 || n == 0 || (*end && strcmp(end, suffix) != 0))
                return -EINVAL;
        *ret = n;
        return 0;
}
