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

/* The figures by name; those that are not known are left out of the file. */
static const struct {
        const char *key;
        size_t offset;
} outcome_numbers[] = {
        { "started", offsetof(RelayOutcome, started_usec) },
        { "finished", offsetof(RelayOutcome, finished_usec) },
        { "cpu", offsetof(RelayOutcome, cpu_usec) },
        { "memory-peak", offsetof(RelayOutcome, memory_peak) },
        { "io-read", offsetof(RelayOutcome, io_read_bytes) },
        { "io-write", offsetof(RelayOutcome, io_write_bytes) },
};

static uint64_t* outcome_number(const RelayOutcome *o, size_t i) {
        return (uint64_t*) ((char*) o + outcome_numbers[i].offset);
}

int relay_outcome_format(const RelayOutcome *o, char **ret) {
        _cleanup_strv_free_ char **lines = NULL;
        _cleanup_free_ char *notice = NULL;
        int r;

        if (o->notice.event != RELAY_EXITED && o->notice.event != RELAY_SIGNALED &&
            o->notice.event != RELAY_FAILED)
                return -EINVAL;

        r = relay_notice_format(&o->notice, &notice);
        if (r >= 0)
                r = field_extend(&lines, "result", notice);
        if (r >= 0)
                r = strv_extendf(&lines, "terminated=%d", !!o->terminated);
        if (r >= 0)
                r = strv_extendf(&lines, "oom=%d", !!o->oom);
        if (r >= 0 && o->abandoned)
                r = strv_extend(&lines, "abandoned=1");
        for (size_t i = 0; r >= 0 && i < ELEMENTSOF(outcome_numbers); i++)
                if (*outcome_number(o, i) != UINT64_MAX)
                        r = strv_extendf(&lines, "%s=%" PRIu64, outcome_numbers[i].key,
                                         *outcome_number(o, i));
        if (r >= 0)
                r = strv_extend(&lines, "END\n");
        if (r < 0)
                return r;

        *ret = strv_join(lines, "\n");
        return *ret ? 0 : -ENOMEM;
}

static int outcome_set_flag(int *flag, const char *value) {
        if (*flag >= 0 || (strcmp(value, "0") != 0 && strcmp(value, "1") != 0))
                return -EBADMSG;
        *flag = *value == '1';
        return 0;
}

static int outcome_set_number(RelayOutcome *o, const char *key, const char *value) {
        for (size_t i = 0; i < ELEMENTSOF(outcome_numbers); i++)
                if (strcmp(outcome_numbers[i].key, key) == 0) {
                        if (*outcome_number(o, i) != UINT64_MAX)
                                return -EBADMSG;
                        return field_number(value, outcome_number(o, i));
                }
        return -EBADMSG;
}

static int outcome_parse_fields(char *text, RelayOutcome *o) {
        const char *key;
        char *value;
        int r;

        while ((r = field_next(&text, &key, &value)) > 0) {
                if (strcmp(key, "result") == 0)
                        r = o->notice.event < 0 ? relay_notice_parse(value, &o->notice) : -EBADMSG;
                else if (strcmp(key, "terminated") == 0)
                        r = outcome_set_flag(&o->terminated, value);
                else if (strcmp(key, "oom") == 0)
                        r = outcome_set_flag(&o->oom, value);
                else if (strcmp(key, "abandoned") == 0)
                        r = outcome_set_flag(&o->abandoned, value);
                else
                        r = outcome_set_number(o, key, value);
                if (r < 0)
                        return r;
        }
        return r;
}

int relay_outcome_parse(const char *text, RelayOutcome *ret) {
        static const char end[] = "END\n";
        _cleanup_(relay_outcome_done) RelayOutcome o = {
                .notice.event = _RELAY_EVENT_INVALID, .terminated = -1, .abandoned = -1, .oom = -1,
                .started_usec = UINT64_MAX, .finished_usec = UINT64_MAX, .cpu_usec = UINT64_MAX,
                .memory_peak = UINT64_MAX, .io_read_bytes = UINT64_MAX, .io_write_bytes = UINT64_MAX,
        };
        _cleanup_free_ char *copy = NULL;
        const char *last;
        int r;

        last = strstr(text, "\nEND\n");
        if (!last)
                return 0;
        last++;
        if (strlen(last) != strlen(end) || (size_t) (last - text) > RELAY_PACKET_MAX)
                return -EBADMSG;

        copy = strndup(text, last - text);
        if (!copy)
                return -ENOMEM;
        r = outcome_parse_fields(copy, &o);
        if (r < 0)
                return r;
        if (o.notice.event < 0 || o.notice.event == RELAY_STARTED || o.notice.event == RELAY_ENDED ||
            o.terminated < 0 || o.oom < 0 || o.started_usec == UINT64_MAX || o.finished_usec == UINT64_MAX)
                return -EBADMSG;

        o.abandoned = o.abandoned > 0; /* it is only said where it is so */
        *ret = o;
        o.notice.text = NULL;
        return 1;
}
