/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <inttypes.h>
#include <string.h>
#include <strings.h>

#include "quantity.h"
#include "text.h"

/* Digits of a fraction that are looked at; the rest is below every unit. */
#define FRACTION_DIGITS_MAX 9U

/* A non-negative decimal number: whole + numerator / denominator. */
typedef struct Number {
        uint64_t whole;
        uint64_t numerator;
        uint64_t denominator; /* 1 if there is no fraction */
} Number;

/* Not isdigit(): that one depends on the locale. */
static bool is_digit(char c) {
        return c >= '0' && c <= '9';
}

static bool is_letter(char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static int whole_parse(const char **s, uint64_t *ret) {
        const char *p = *s;
        uint64_t value = 0;

        if (!is_digit(*p))
                return -EINVAL;
        for (; is_digit(*p); p++)
                if (__builtin_mul_overflow(value, UINT64_C(10), &value) ||
                    __builtin_add_overflow(value, (uint64_t) (*p - '0'), &value))
                        return -ERANGE;

        *s = p;
        *ret = value;
        return 0;
}

/* Reads "12" or "12.5" and moves *s behind it. */
static int number_parse(const char **s, Number *ret) {
        Number n = { .denominator = 1 };
        const char *p = *s;
        int r;

        r = whole_parse(&p, &n.whole);
        if (r < 0)
                return r;

        if (*p == '.') {
                p++;
                if (!is_digit(*p))
                        return -EINVAL;
                for (unsigned i = 0; is_digit(*p); p++, i++)
                        if (i < FRACTION_DIGITS_MAX) {
                                n.numerator = n.numerator * 10 + (uint64_t) (*p - '0');
                                n.denominator *= 10;
                        }
        }

        *s = p;
        *ret = n;
        return 0;
}

static int number_scale(const Number *n, uint64_t unit, uint64_t *ret) {
        uint64_t value, rest;

        if (__builtin_mul_overflow(n->whole, unit, &value))
                return -ERANGE;
        rest = (uint64_t) ((unsigned __int128) n->numerator * unit / n->denominator);
        if (__builtin_add_overflow(value, rest, &value))
                return -ERANGE;

        *ret = value;
        return 0;
}

int size_parse(const char *s, uint64_t default_unit, uint64_t *ret) {
        static const char letters[] = "KMGT";
        uint64_t unit = default_unit;
        Number n;
        int r;

        r = number_parse(&s, &n);
        if (r < 0)
                return r;

        if (*s == ' ' && s[1])
                s++;
        if (*s) {
                const char *letter = strchr(letters, *s & ~0x20);

                unit = 1;
                if (is_letter(*s) && letter) {
                        unit <<= 10 * (letter - letters + 1);
                        s++;
                        if (*s == 'i' && (s[1] == 'B' || s[1] == 'b'))
                                s++;
                        if (*s == 'B' || *s == 'b')
                                s++;
                } else if (*s == 'B' || *s == 'b')
                        s++;
                if (*s)
                        return -EINVAL;
        }

        /* Half a byte is a mistake, not a size. */
        if (unit <= 1 && n.denominator != 1)
                return -EINVAL;
        return number_scale(&n, unit, ret);
}

int size_format(uint64_t size, char **ret) {
        static const char *const units[] = { "B", "KB", "MB", "GB", "TB" };
        uint64_t unit = 1, tenths;
        size_t i = 0;
        int r;

        while (i + 1 < ELEMENTSOF(units) && size / unit >= 1024) {
                unit <<= 10;
                i++;
        }

        tenths = (uint64_t) (((unsigned __int128) size * 10 + unit / 2) / unit);
        if (i > 0 && tenths >= 10240 && i + 1 < ELEMENTSOF(units)) { /* 1023.97KB is 1.0MB */
                tenths = 10;
                i++;
        }

        if (i == 0)
                r = asprintf(ret, "%" PRIu64 "B", size);
        else
                r = asprintf(ret, "%" PRIu64 ".%" PRIu64 "%s", tenths / 10, tenths % 10, units[i]);
        return r < 0 ? -ENOMEM : 0;
}

int percent_parse(const char *s, unsigned *ret) {
        uint64_t value;
        int r;

        r = whole_parse(&s, &value);
        if (r < 0)
                return r;
        if (*s == '%')
                s++;
        if (*s)
                return -EINVAL;
        if (value == 0 || value > PERCENT_MAX)
                return -ERANGE;

        *ret = (unsigned) value;
        return 0;
}

static int cpu_range_parse(const char **s, unsigned *ret_first, unsigned *ret_last) {
        uint64_t first, last;
        int r;

        r = whole_parse(s, &first);
        if (r < 0)
                return r;
        last = first;
        if (**s == '-') {
                (*s)++;
                r = whole_parse(s, &last);
                if (r < 0)
                        return r;
        }
        if (first > last)
                return -EINVAL;
        if (last >= CPUS_MAX)
                return -ERANGE;

        *ret_first = (unsigned) first;
        *ret_last = (unsigned) last;
        return 0;
}

static bool cpu_is_set(const uint8_t *mask, size_t size, unsigned cpu) {
        return cpu / 8 < size && (mask[cpu / 8] & 1U << cpu % 8);
}

static int cpu_list_format(const uint8_t *mask, size_t size, char **ret) {
        _cleanup_free_ char *text = NULL;
        _cleanup_fclose_ FILE *f = NULL;
        const char *separator = "";
        size_t text_size;

        f = open_memstream(&text, &text_size);
        if (!f)
                return -ENOMEM;

        for (unsigned cpu = 0; cpu < size * 8; cpu++) {
                unsigned first = cpu;

                if (!cpu_is_set(mask, size, cpu))
                        continue;
                while (cpu_is_set(mask, size, cpu + 1))
                        cpu++;
                if (first == cpu)
                        fprintf(f, "%s%u", separator, cpu);
                else
                        fprintf(f, "%s%u-%u", separator, first, cpu);
                separator = ",";
        }

        if (fflush(f) != 0)
                return -ENOMEM;
        f = (fclose(f), NULL);
        *ret = TAKE_PTR(text);
        return 0;
}

int cpu_list_parse(const char *s, uint8_t **ret_mask, size_t *ret_size, char **ret_text) {
        _cleanup_free_ uint8_t *mask = NULL;
        size_t size = 0;
        int r;

        mask = calloc(CPUS_MAX / 8, 1);
        if (!mask)
                return -ENOMEM;

        for (;;) {
                unsigned first, last;

                r = cpu_range_parse(&s, &first, &last);
                if (r < 0)
                        return r;
                for (unsigned cpu = first; cpu <= last; cpu++)
                        mask[cpu / 8] |= (uint8_t) (1U << cpu % 8);
                if (last / 8 + 1 > size)
                        size = last / 8 + 1;

                if (!*s)
                        break;
                if (*s == ',')
                        s++;
                else if (*s != ' ')
                        return -EINVAL;
                while (*s == ' ')
                        s++;
        }

        if (ret_text) {
                r = cpu_list_format(mask, size, ret_text);
                if (r < 0)
                        return r;
        }
        *ret_mask = TAKE_PTR(mask);
        *ret_size = size;
        return 0;
}

typedef struct TimeUnit {
        const char *name;
        uint64_t usec;
} TimeUnit;

#define DECIMALS_SIZE 8U /* ".123456" */
#define USEC_PER_MINUTE (60 * USEC_PER_SEC)
#define USEC_PER_HOUR (60 * USEC_PER_MINUTE)
#define USEC_PER_DAY (24 * USEC_PER_HOUR)
#define USEC_PER_WEEK (7 * USEC_PER_DAY)
#define USEC_PER_MONTH UINT64_C(2629800000000) /* 30.4375 days */
#define USEC_PER_YEAR UINT64_C(31557600000000) /* 365.25 days */

static const TimeUnit time_units[] = {
        { "us",      1                   },
        { "usec",    1                   },
        { "µs",      1                   },
        { "μs",      1                   },
        { "ms",      USEC_PER_SEC / 1000 },
        { "msec",    USEC_PER_SEC / 1000 },
        { "s",       USEC_PER_SEC        },
        { "sec",     USEC_PER_SEC        },
        { "secs",    USEC_PER_SEC        },
        { "second",  USEC_PER_SEC        },
        { "seconds", USEC_PER_SEC        },
        { "m",       USEC_PER_MINUTE     },
        { "min",     USEC_PER_MINUTE     },
        { "mins",    USEC_PER_MINUTE     },
        { "minute",  USEC_PER_MINUTE     },
        { "minutes", USEC_PER_MINUTE     },
        { "h",       USEC_PER_HOUR       },
        { "hr",      USEC_PER_HOUR       },
        { "hour",    USEC_PER_HOUR       },
        { "hours",   USEC_PER_HOUR       },
        { "d",       USEC_PER_DAY        },
        { "day",     USEC_PER_DAY        },
        { "days",    USEC_PER_DAY        },
        { "w",       USEC_PER_WEEK       },
        { "week",    USEC_PER_WEEK       },
        { "weeks",   USEC_PER_WEEK       },
        { "month",   USEC_PER_MONTH      },
        { "months",  USEC_PER_MONTH      },
        { "y",       USEC_PER_YEAR       },
        { "year",    USEC_PER_YEAR       },
        { "years",   USEC_PER_YEAR       },
};

/* The unit that the size bytes at s name, 0 if none does. */
static uint64_t time_unit_find(const char *s, size_t size) {
        if (size == 1 && *s == 'M')
                return USEC_PER_MONTH;
        for (size_t i = 0; i < ELEMENTSOF(time_units); i++)
                if (strlen(time_units[i].name) == size && strncasecmp(time_units[i].name, s, size) == 0)
                        return time_units[i].usec;
        return 0;
}

static size_t time_unit_length(const char *s) {
        size_t n = 0;

        while (is_letter(s[n]) || (s[n] & 0x80))
                n++;
        return n;
}

int timespan_parse(const char *s, uint64_t *ret) {
        uint64_t total = 0;

        if (strcmp(s, "infinity") == 0) {
                *ret = USEC_INFINITY;
                return 0;
        }

        for (const char *begin = s;;) {
                uint64_t unit = USEC_PER_SEC, usec;
                bool first = s == begin;
                size_t length;
                Number n;
                int r;

                r = number_parse(&s, &n);
                if (r < 0)
                        return r;

                while (*s == ' ')
                        s++;
                length = time_unit_length(s);
                if (length > 0) {
                        unit = time_unit_find(s, length);
                        if (unit == 0)
                                return -EINVAL;
                        s += length;
                } else if (!first || *s || s[-1] == ' ') /* only a lone number is in seconds: "1h 30" is a slip */
                        return -EINVAL;

                r = number_scale(&n, unit, &usec);
                if (r < 0)
                        return r;
                if (__builtin_add_overflow(total, usec, &total) || total == USEC_INFINITY)
                        return -ERANGE;

                if (!*s)
                        break;
                while (*s == ' ')
                        s++;
        }

        *ret = total;
        return 0;
}

/* ".234" for what is below one unit, down to accuracy, or "" if nothing is left. */
static void timespan_decimals(uint64_t unit, uint64_t rest, uint64_t accuracy,
                              char ret[static DECIMALS_SIZE]) {
        uint64_t shown = 0;
        size_t n = 0;

        ret[n++] = '.';
        for (uint64_t u = unit / 10; u > 0 && u >= accuracy && n + 1 < DECIMALS_SIZE; u /= 10) {
                ret[n++] = (char) ('0' + rest / u % 10);
                shown += rest / u % 10;
        }
        ret[shown > 0 ? n : 0] = 0;
}

int timespan_format(uint64_t usec, uint64_t accuracy, char **ret) {
        static const TimeUnit table[] = {
                { "y",     USEC_PER_YEAR       },
                { "month", USEC_PER_MONTH      },
                { "w",     USEC_PER_WEEK       },
                { "d",     USEC_PER_DAY        },
                { "h",     USEC_PER_HOUR       },
                { "min",   USEC_PER_MINUTE     },
                { "s",     USEC_PER_SEC        },
                { "ms",    USEC_PER_SEC / 1000 },
                { "us",    1                   },
        };
        char text[128];
        size_t used = 0;

        if (usec == USEC_INFINITY || usec == 0) {
                *ret = strdup(usec == 0 ? "0" : "infinity");
                return *ret ? 0 : -ENOMEM;
        }

        for (size_t i = 0; i < ELEMENTSOF(table) && usec > 0; i++) {
                uint64_t count = usec / table[i].usec, rest = usec % table[i].usec;
                char decimals[DECIMALS_SIZE] = "";

                if (usec < accuracy && used > 0)
                        break;
                if (count == 0)
                        continue;

                /* Below a minute what is left goes behind the point of one unit. */
                if (usec < USEC_PER_MINUTE)
                        timespan_decimals(table[i].usec, rest, accuracy, decimals);
                used += (size_t) snprintf(text + used, sizeof(text) - used, "%s%" PRIu64 "%s%s",
                                          used > 0 ? " " : "", count, decimals, table[i].name);
                usec = *decimals ? 0 : rest;
        }

        *ret = strdup(text);
        return *ret ? 0 : -ENOMEM;
}

static size_t environment_name_length(const char *s) {
        size_t n = 0;

        while (is_letter(s[n]) || s[n] == '_' || (n > 0 && is_digit(s[n])))
                n++;
        return n;
}

bool environment_name_is_valid(const char *name) {
        size_t n = environment_name_length(name);

        return n > 0 && name[n] == 0 && n < ENVIRONMENT_ENTRY_MAX - 1;
}

const char* environment_entry_problem(const char *entry) {
        size_t n = environment_name_length(entry), size = strlen(entry);

        if (n == 0 || entry[n] != '=')
                return "is not NAME=VALUE with a name of letters, digits and _";
        if (size >= ENVIRONMENT_ENTRY_MAX)
                return "is too long, Linux takes no variable of 128 KiB; put long data into a file and use --upload";
        if (!utf8_is_valid(entry, size))
                return "has a value that is not UTF-8; encode such bytes, with base64 for example, or put them into a file and use --upload";
        return NULL;
}
