/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <inttypes.h>
#include <stdbool.h>
#include <string.h>

#include "relay-fields.h"
#include "relay-protocol.h"
#include "strv.h"

int field_extend(char ***lines, const char *key, const char *value) {
        size_t key_size = strlen(key);
        char *line, *p;

        line = malloc(key_size + 2 + 2 * strlen(value));
        if (!line)
                return -ENOMEM;

        p = stpcpy(stpcpy(line, key), "=");
        for (; *value; value++)
                if (*value == '\n' || *value == '\\') {
                        *p++ = '\\';
                        *p++ = *value == '\n' ? 'n' : '\\';
                } else
                        *p++ = *value;
        *p = 0;
        return strv_consume(lines, line);
}

static int unescape(char *s) {
        char *to = s;

        for (; *s; s++) {
                if (*s == '\\') {
                        s++;
                        if (*s != 'n' && *s != '\\')
                                return -EBADMSG;
                        *to++ = *s == 'n' ? '\n' : '\\';
                } else
                        *to++ = *s;
        }
        *to = 0;
        return 0;
}

int field_next(char **text, const char **ret_key, char **ret_value) {
        char *line = *text, *end, *equals;

        if (!*line)
                return 0;

        end = strchrnul(line, '\n');
        *text = *end ? end + 1 : end;
        *end = 0;

        equals = strchr(line, '=');
        if (!equals || equals == line)
                return -EBADMSG;
        *equals = 0;
        *ret_key = line;
        *ret_value = equals + 1;
        return unescape(equals + 1) < 0 ? -EBADMSG : 1;
}

int field_number(const char *value, uint64_t *ret) {
        uint64_t number = 0;

        if (!*value || (*value == '0' && value[1]))
                return -EBADMSG;
        for (; *value; value++) {
                if (*value < '0' || *value > '9' || __builtin_mul_overflow(number, 10U, &number) ||
                    __builtin_add_overflow(number, (unsigned) (*value - '0'), &number))
                        return -EBADMSG;
        }
        *ret = number;
        return 0;
}

void relay_outcome_done(RelayOutcome *o) {
        relay_notice_done(&o->notice);
}

bool relay_outcome_tells_end(const RelayOutcome *o) {
        return o->notice.event == RELAY_EXITED || o->notice.event == RELAY_SIGNALED ||
               o->notice.event == RELAY_FAILED;
}

/* The figures by name; those that are not known are left out of the file. */
static const struct {
        const char *key;
        size_t offset;
        uint64_t unknown;
} outcome_numbers[] = {
        { OUTCOME_BEGUN,      offsetof(RelayOutcome, begun_usec),      0          },
        { OUTCOME_STARTED,    offsetof(RelayOutcome, started_usec),    0          },
        { OUTCOME_TERMINATED, offsetof(RelayOutcome, terminated_usec), 0          },
        { OUTCOME_ABANDONED,  offsetof(RelayOutcome, abandoned_usec),  0          },
        { "finished",         offsetof(RelayOutcome, finished_usec),   0          },
        { "cpu",              offsetof(RelayOutcome, cpu_usec),        UINT64_MAX },
        { "memory-peak",      offsetof(RelayOutcome, memory_peak),     UINT64_MAX },
        { "io-read",          offsetof(RelayOutcome, io_read_bytes),   UINT64_MAX },
        { "io-write",         offsetof(RelayOutcome, io_write_bytes),  UINT64_MAX },
        { "log-entries",      offsetof(RelayOutcome, log_entries),     UINT64_MAX },
        { "unlogged",         offsetof(RelayOutcome, unlogged_bytes),  UINT64_MAX },
};

static uint64_t* outcome_number(const RelayOutcome *o, size_t i) {
        return (uint64_t*) ((char*) o + outcome_numbers[i].offset);
}

int relay_outcome_note(const char *key, uint64_t usec, char **ret) {
        return asprintf(ret, "%s=%" PRIu64 "\n", key, usec) < 0 ? -ENOMEM : 0;
}

int relay_outcome_format(const RelayOutcome *o, char **ret) {
        _cleanup_strv_free_ char **lines = NULL;
        _cleanup_free_ char *notice = NULL;
        int r;

        if (!relay_outcome_tells_end(o))
                return -EINVAL;

        r = relay_notice_format(&o->notice, &notice);
        if (r >= 0)
                r = field_extend(&lines, "result", notice);
        if (r >= 0)
                r = strv_extendf(&lines, "oom=%d", !!o->oom);
        for (size_t i = 0; r >= 0 && i < ELEMENTSOF(outcome_numbers); i++)
                if (*outcome_number(o, i) != outcome_numbers[i].unknown)
                        r = strv_extendf(&lines, "%s=%" PRIu64, outcome_numbers[i].key,
                                         *outcome_number(o, i));
        if (r >= 0)
                r = strv_extend(&lines, "END\n");
        if (r < 0)
                return r;

        *ret = strv_join(lines, "\n");
        return *ret ? 0 : -ENOMEM;
}

int relay_outcome_format_log(uint64_t entries, uint64_t unlogged_bytes, char **ret) {
        return asprintf(ret, "log-entries=%" PRIu64 "\nunlogged=%" PRIu64 "\nEND\n", entries, unlogged_bytes) < 0 ? -ENOMEM : 0;
}

static int outcome_set_flag(int *flag, const char *value) {
        if (*flag >= 0 || (strcmp(value, "0") != 0 && strcmp(value, "1") != 0))
                return -EBADMSG;
        *flag = *value == '1';
        return 0;
}

static int outcome_set_number(RelayOutcome *o, unsigned *seen, const char *key, const char *value) {
        for (size_t i = 0; i < ELEMENTSOF(outcome_numbers); i++)
                if (strcmp(outcome_numbers[i].key, key) == 0) {
                        if (*seen & (1U << i))
                                return -EBADMSG;
                        *seen |= 1U << i;
                        return field_number(value, outcome_number(o, i));
                }
        return -EBADMSG;
}

static int outcome_parse_fields(char *text, RelayOutcome *o) {
        const char *key;
        unsigned seen = 0;
        char *value;
        int r;

        while ((r = field_next(&text, &key, &value)) > 0) {
                if (strcmp(key, "result") == 0)
                        r = o->notice.event < 0 ? relay_notice_parse(value, &o->notice) : -EBADMSG;
                else if (strcmp(key, "oom") == 0)
                        r = outcome_set_flag(&o->oom, value);
                else
                        r = outcome_set_number(o, &seen, key, value);
                if (r < 0)
                        return r;
        }
        return r;
}

/* Of a file that was cut off, the lines that are whole. The last piece came in one write: parts of it mean
 * nothing. */
static size_t size_of_notes(const char *text) {
        const char *result = strncmp(text, "result=", strlen("result=")) == 0 ? text : strstr(text, "\nresult=");
        const char *end = strrchr(text, '\n');

        if (result && result == text)
                return 0;
        if (result)
                return (size_t) (result + 1 - text);
        return end ? (size_t) (end + 1 - text) : 0;
}

/* What came after the end. A correction that is not complete is none. */
static int parse_log(const char *text, RelayOutcome *o) {
        _cleanup_(relay_outcome_done) RelayOutcome log = RELAY_OUTCOME_NULL;
        _cleanup_free_ char *copy = NULL;
        const char *last = strstr(text, "\nEND\n");
        int r;

        if (!last)
                return 0;
        if (last[strlen("\nEND\n")] || last - text > RELAY_PACKET_MAX)
                return -EBADMSG;
        copy = strndup(text, (size_t) (last + 1 - text));
        if (!copy)
                return -ENOMEM;
        r = outcome_parse_fields(copy, &log);
        if (r < 0)
                return r;
        if (log.log_entries == UINT64_MAX || log.unlogged_bytes == UINT64_MAX || log.notice.event >= 0)
                return -EBADMSG;
        o->log_entries = log.log_entries;
        o->unlogged_bytes = log.unlogged_bytes;
        return 0;
}

int relay_outcome_parse(const char *text, RelayOutcome *ret) {
        _cleanup_(relay_outcome_done) RelayOutcome o = RELAY_OUTCOME_NULL;
        _cleanup_free_ char *copy = NULL;
        const char *last = strstr(text, "\nEND\n");
        size_t size = last ? (size_t) (last + 1 - text) : size_of_notes(text);
        int r;

        if (size > RELAY_PACKET_MAX)
                return -EBADMSG;
        copy = strndup(text, size);
        if (!copy)
                return -ENOMEM;
        o.oom = -1;
        r = outcome_parse_fields(copy, &o);
        if (r < 0)
                return r;
        if (last && (!relay_outcome_tells_end(&o) || o.oom < 0 || o.finished_usec == 0))
                return -EBADMSG;
        r = last ? parse_log(last + strlen("\nEND\n"), &o) : 0;
        if (r < 0)
                return r;
        if (!last)
                o.notice.event = o.started_usec > 0 ? RELAY_STARTED : _RELAY_EVENT_INVALID;
        o.oom = o.oom > 0;

        *ret = o;
        o.notice.text = NULL;
        return !!last;
}
