/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>

#include "atomic-file.h"
#include "record.h"
#include "string-table.h"
#include "strv.h"

#define RECORD_SIZE_MAX (1024U * 1024U)

static const char *const job_state_table[_JOB_STATE_MAX] = {
        [JOB_INITIALIZING] = "INITIALIZING",
        [JOB_RUNNING] = "RUNNING",
        [JOB_COMPLETED] = "COMPLETED",
        [JOB_FAILED] = "FAILED",
        [JOB_STOPPED] = "STOPPED",
        [JOB_TIMEOUT] = "TIMEOUT",
};

static const char *const job_result_table[_JOB_RESULT_MAX] = {
        [JOB_RESULT_NONE] = "",
        [JOB_RESULT_SUCCESS] = "success",
        [JOB_RESULT_EXIT_CODE] = "exit-code",
        [JOB_RESULT_SIGNAL] = "signal",
        [JOB_RESULT_CORE_DUMP] = "core-dump",
        [JOB_RESULT_OOM] = "oom",
        [JOB_RESULT_TIMEOUT] = "timeout",
        [JOB_RESULT_STOPPED] = "stopped",
        [JOB_RESULT_SETUP] = "setup",
        [JOB_RESULT_LOST] = "lost",
};

DEFINE_STRING_TABLE(job_state, JobState);
DEFINE_STRING_TABLE(job_result, JobResult);

typedef enum FieldType { FIELD_STRING, FIELD_STRINGS, FIELD_UINT64, FIELD_UINT32, FIELD_INT, FIELD_BOOLEAN, FIELD_STATE, FIELD_RESULT, FIELD_NETWORK } FieldType;

/* Both directions of the file format. */
static const struct {
        const char *key;
        FieldType type;
        size_t offset;
} fields[] = {
        { "ID",             FIELD_UINT64,  offsetof(Record, id)             },
        { "OWNER",          FIELD_UINT32,  offsetof(Record, owner)          },
        { "NAME",           FIELD_STRING,  offsetof(Record, name)           },
        { "COMMAND",        FIELD_STRINGS, offsetof(Record, command)        },
        { "RUNTIME",        FIELD_STRING,  offsetof(Record, runtime)        },
        { "RUNTIME_ID",     FIELD_STRING,  offsetof(Record, runtime_id)     },
        { "RUNTIME_DIGEST", FIELD_STRING,  offsetof(Record, runtime_digest) },
        { "REQUEST_ID",     FIELD_STRING,  offsetof(Record, request_id)     },
        { "INVOCATION_ID",  FIELD_STRING,  offsetof(Record, invocation_id)  },
        { "ATTACHED",       FIELD_BOOLEAN, offsetof(Record, attached)       },
        { "STOP_REQUESTED", FIELD_UINT64,  offsetof(Record, stop_usec)      }, /* just 1 in records of earlier versions: before all else */
        { "WORKDIR",        FIELD_STRING,  offsetof(Record, workdir)        },
        { "NETWORK",        FIELD_NETWORK, offsetof(Record, network)        },
        { "MEMORY_MAX",     FIELD_UINT64,  offsetof(Record, memory_max)     },
        { "RECOMMENDED",    FIELD_UINT64,  offsetof(Record, memory_recommended) },
        { "CPU_PERCENT",    FIELD_UINT32,  offsetof(Record, cpu_percent)    },
        { "CPUS",           FIELD_STRING,  offsetof(Record, cpus)           },
        { "TIMEOUT",        FIELD_UINT64,  offsetof(Record, timeout_usec)   },
        { "MOUNT",          FIELD_STRINGS, offsetof(Record, mounts)         },
        { "STATE",          FIELD_STATE,   offsetof(Record, state)          },
        { "RESULT",         FIELD_RESULT,  offsetof(Record, result)         },
        { "REASON",         FIELD_STRING,  offsetof(Record, reason)         },
        { "EXIT_CODE",      FIELD_INT,     offsetof(Record, exit_code)      },
        { "EXIT_SIGNAL",    FIELD_INT,     offsetof(Record, exit_signal)    },
        { "SUBMITTED",      FIELD_UINT64,  offsetof(Record, submitted_usec) },
        { "STARTED",        FIELD_UINT64,  offsetof(Record, started_usec)   },
        { "FINISHED",       FIELD_UINT64,  offsetof(Record, finished_usec)  },
        { "CPU",            FIELD_UINT64,  offsetof(Record, cpu_usec)       },
        { "MEMORY_PEAK",    FIELD_UINT64,  offsetof(Record, memory_peak)    },
        { "IO_READ",        FIELD_UINT64,  offsetof(Record, io_read_bytes)  },
        { "IO_WRITE",       FIELD_UINT64,  offsetof(Record, io_write_bytes) },
        { "LOG_ENTRIES",    FIELD_UINT64,  offsetof(Record, log_entries)    },
        { "UNLOGGED",       FIELD_UINT64,  offsetof(Record, unlogged_bytes) },
};

static Record* record_init(void) {
        Record *r = malloc(sizeof *r);

        if (r)
                *r = (Record) {
                        .memory_max = UINT64_MAX,
                        .timeout_usec = USEC_INFINITY,
                        .exit_code = -1,
                        .cpu_usec = UINT64_MAX,
                        .memory_peak = UINT64_MAX,
                        .io_read_bytes = UINT64_MAX,
                        .io_write_bytes = UINT64_MAX,
                        .log_entries = UINT64_MAX,
                        .unlogged_bytes = UINT64_MAX,
                };
        return r;
}

Record* record_free(Record *r) {
        if (!r)
                return NULL;
        for (size_t i = 0; i < ELEMENTSOF(fields); i++) {
                void *field = (char*) r + fields[i].offset;

                if (fields[i].type == FIELD_STRING)
                        free(*(char**) field);
                else if (fields[i].type == FIELD_STRINGS)
                        strv_free(*(char***) field);
        }
        free(r);
        return NULL;
}

static int add_mounts(Record *r, const Plan *plan) {
        static const char *const kinds[_PLAN_MOUNT_KIND_MAX] = {
                [PLAN_BIND_READ_ONLY] = "ro",
                [PLAN_BIND_WRITABLE] = "rw",
                [PLAN_TMPFS] = "tmpfs",
                [PLAN_INACCESSIBLE] = "hidden",
        };

        size_t size = 0;

        for (size_t i = 0; i < plan->n_mounts; i++) {
                const PlanMount *m = plan->mounts + i;
                int q;

                size += strlen(m->source ?: "") + strlen(m->target) + strlen("\t\thidden") + 1;
                if (size > RECORD_MOUNTS_MAX)
                        return 0;
                q = strv_extendf(&r->mounts, "%s\t%s\t%s", m->source ?: "", m->target, kinds[m->kind]);
                if (q < 0)
                        return q;
        }
        return 0;
}

static int copy_string(char **field, const char *value) {
        if (!value)
                return 0;
        *field = strdup(value);
        return *field ? 0 : -ENOMEM;
}

/* The first bytes of s, whole characters, and a sign that there were more. */
static char* cut(const char *s, size_t size) {
        char *t;

        while (size > 0 && (s[size] & 0xc0) == 0x80)
                size--;
        return asprintf(&t, "%.*s...", (int) size, s) < 0 ? NULL : t;
}

/* As much of a command as fits, ending in "..." where something was left out. */
static int cut_command(char *const *command, size_t size_max, size_t words_max, char ***ret) {
        size_t length = strv_length(command), n = 0;
        _cleanup_strv_free_ char **words = calloc((length < words_max ? length : words_max) + 2, sizeof(char*));

        if (!words)
                return -ENOMEM;
        STRV_FOREACH(word, command) {
                size_t size = strlen(*word) + 1;
                bool fits = size <= size_max && n < words_max;

                words[n] = fits ? strdup(*word) : cut(*word, size <= size_max ? 0 : size_max);
                if (!words[n++])
                        return -ENOMEM;
                if (!fits)
                        break;
                size_max -= size;
        }
        *ret = TAKE_PTR(words);
        return 0;
}

int record_new(const Plan *plan, const Request *request, bool attached, uint64_t now_usec, Record **ret) {
        _cleanup_(record_freep) Record *r = record_init();
        int q;

        if (!r)
                return -ENOMEM;
        r->id = plan->id;
        r->owner = plan->owner;
        r->attached = attached;
        r->network = plan->network;
        r->memory_max = plan->memory_max;
        r->memory_recommended = plan->memory_recommended;
        r->cpu_percent = plan->cpu_percent;
        r->timeout_usec = plan->timeout_usec;
        r->submitted_usec = now_usec;

        q = cut_command(plan->command, RECORD_COMMAND_MAX, RECORD_WORDS_MAX, &r->command);
        if (q >= 0)
                q = copy_string(&r->name, request->name);
        if (q >= 0)
                q = copy_string(&r->runtime, plan->runtime);
        if (q >= 0)
                q = copy_string(&r->runtime_id, plan->runtime_id);
        if (q >= 0)
                q = copy_string(&r->runtime_digest, plan->runtime_digest);
        if (q >= 0)
                q = copy_string(&r->request_id, request->request_id);
        if (q >= 0)
                q = copy_string(&r->workdir, plan->workdir);
        if (q >= 0)
                q = copy_string(&r->cpus, plan->cpus);
        if (q >= 0)
                q = add_mounts(r, plan);
        if (q < 0)
                return q;
        *ret = TAKE_PTR(r);
        return 0;
}

int record_brief_command(const Record *r, char ***ret) {
        return cut_command(r->command, RECORD_BRIEF_COMMAND_MAX, RECORD_BRIEF_WORDS_MAX, ret);
}

int record_make_brief(Record *r) {
        char **brief;
        int q;

        if (r->brief)
                return 0;
        q = record_brief_command(r, &brief);
        if (q < 0)
                return q;
        strv_free(r->command);
        r->command = brief;
        r->mounts = strv_free(r->mounts);
        r->brief = true;
        return 0;
}

int record_exit_status(const Record *r) {
        if (!job_state_is_final(r->state))
                return -1;
        if (r->state == JOB_TIMEOUT)
                return 124;
        if (r->exit_signal > 0)
                return 128 + r->exit_signal;
        return r->exit_code >= 0 ? r->exit_code : 125;
}

/* One line: newlines and backslashes of the value are escaped. */
static int format_line(FILE *f, const char *key, const char *value) {
        if (fprintf(f, "%s=", key) < 0)
                return -ENOMEM;
        for (const char *s = value; *s; s++) {
                if (*s == '\n' || *s == '\\') {
                        if (fputc('\\', f) < 0 || fputc(*s == '\n' ? 'n' : '\\', f) < 0)
                                return -ENOMEM;
                } else if (fputc(*s, f) < 0)
                        return -ENOMEM;
        }
        return fputc('\n', f) < 0 ? -ENOMEM : 0;
}

static int format_number(FILE *f, const char *key, uint64_t value) {
        return fprintf(f, "%s=%" PRIu64 "\n", key, value) < 0 ? -ENOMEM : 0;
}

static int format_field(FILE *f, const char *key, FieldType type, const void *field) {
        switch (type) {
        case FIELD_STRING:
                return *(char *const *) field ? format_line(f, key, *(char *const *) field) : 0;
        case FIELD_STRINGS:
                STRV_FOREACH(s, *(char **const *) field) {
                        int q = format_line(f, key, *s);

                        if (q < 0)
                                return q;
                }
                return 0;
        case FIELD_UINT64:
                return format_number(f, key, *(const uint64_t*) field);
        case FIELD_UINT32:
                return format_number(f, key, *(const uint32_t*) field);
        case FIELD_INT:
                return fprintf(f, "%s=%d\n", key, *(const int*) field) < 0 ? -ENOMEM : 0;
        case FIELD_BOOLEAN:
                return format_number(f, key, *(const bool*) field);
        case FIELD_STATE:
                return format_line(f, key, job_state_to_string(*(const JobState*) field));
        case FIELD_RESULT:
                return format_line(f, key, job_result_to_string(*(const JobResult*) field));
        case FIELD_NETWORK:
                return format_line(f, key, network_mode_to_string(*(const NetworkMode*) field));
        }
        return -EINVAL;
}

int record_format(const Record *r, char **ret) {
        _cleanup_free_ char *text = NULL;
        size_t size = 0;
        FILE *f;
        int q = 0;

        f = open_memstream(&text, &size);
        if (!f)
                return -ENOMEM;
        if (fputs("# Private data of jobletd: do not parse, use D-Bus or rnx --json.\n", f) < 0)
                q = -ENOMEM;
        for (size_t i = 0; q >= 0 && i < ELEMENTSOF(fields); i++)
                q = format_field(f, fields[i].key, fields[i].type, (const char*) r + fields[i].offset);
        if (q >= 0 && fputs("END\n", f) < 0)
                q = -ENOMEM;
        if (fclose(f) != 0)
                q = -ENOMEM;
        if (q < 0)
                return q;
        *ret = TAKE_PTR(text);
        return 0;
}

static int parse_number(const char *value, uint64_t max, uint64_t *ret) {
        char *end;
        unsigned long long n;

        if (value[0] < '0' || value[0] > '9')
                return -EBADMSG;
        errno = 0;
        n = strtoull(value, &end, 10);
        if (errno != 0 || *end || n > max)
                return -EBADMSG;
        *ret = n;
        return 0;
}

static int parse_int(const char *value, int *ret) {
        bool negative = value[0] == '-';
        uint64_t n;
        int q;

        q = parse_number(value + negative, INT32_MAX, &n);
        if (q < 0)
                return q;
        *ret = negative ? -(int) n : (int) n;
        return 0;
}

static int parse_string(const char *value, char **ret) {
        char *s = malloc(strlen(value) + 1), *t = s;

        if (!s)
                return -ENOMEM;
        for (; *value; value++) {
                if (*value == '\\' && (value[1] == 'n' || value[1] == '\\')) {
                        value++;
                        *t++ = *value == 'n' ? '\n' : '\\';
                } else
                        *t++ = *value;
        }
        *t = 0;
        free(*ret);
        *ret = s;
        return 0;
}

static int parse_enum(int value, void *field) {
        if (value < 0)
                return -EBADMSG;
        *(int*) field = value; /* enumerations without negative constants of their own are ints here: all have _INVALID */
        return 0;
}

/* list: what is collected of a field that has a line for each string. */
static int parse_field(const char *value, FieldType type, void *field, StrvBuilder *list) {
        _cleanup_free_ char *s = NULL;
        uint64_t n = 0;
        int q;

        switch (type) {
        case FIELD_STRING:
                return parse_string(value, field);
        case FIELD_STRINGS:
                q = parse_string(value, &s);
                return q < 0 ? q : strv_builder_consume(list, TAKE_PTR(s));
        case FIELD_UINT64:
                return parse_number(value, UINT64_MAX, field);
        case FIELD_UINT32:
                q = parse_number(value, UINT32_MAX, &n);
                *(uint32_t*) field = (uint32_t) n;
                return q;
        case FIELD_INT:
                return parse_int(value, field);
        case FIELD_BOOLEAN:
                q = parse_number(value, 1, &n);
                *(bool*) field = n;
                return q;
        case FIELD_STATE:
                return parse_enum(job_state_from_string(value), field);
        case FIELD_RESULT:
                return parse_enum(job_result_from_string(value), field);
        case FIELD_NETWORK:
                return parse_enum(network_mode_from_string(value), field);
        }
        return -EBADMSG;
}

static int parse_line(Record *r, StrvBuilder *lists, const char *key, const char *value) {
        for (size_t i = 0; i < ELEMENTSOF(fields); i++)
                if (strcmp(fields[i].key, key) == 0)
                        return parse_field(value, fields[i].type, (char*) r + fields[i].offset, lists + i);
        return 0; /* of a newer version */
}

static int parse_lines(Record *r, StrvBuilder *lists, char *text) {
        char *line;

        while ((line = strsep(&text, "\n"))) {
                char *equals = strchr(line, '=');
                int q;

                if (strcmp(line, "END") == 0)
                        return 0;
                if (line[0] == '#' || line[0] == 0)
                        continue;
                if (!equals)
                        return -EBADMSG;
                *equals = 0;
                q = parse_line(r, lists, line, equals + 1);
                if (q < 0)
                        return q;
        }
        return -EBADMSG; /* cut off */
}

int record_parse(const char *text, bool whole, Record **ret) {
        _cleanup_(record_freep) Record *r = record_init();
        _cleanup_free_ char *copy = strdup(text);
        StrvBuilder lists[ELEMENTSOF(fields)] = {};
        int q;

        if (!r || !copy)
                return -ENOMEM;
        q = parse_lines(r, lists, copy);
        for (size_t i = 0; i < ELEMENTSOF(fields); i++)
                if (fields[i].type == FIELD_STRINGS)
                        *(char***) ((char*) r + fields[i].offset) = strv_builder_take(lists + i);
        if (q < 0)
                return q;
        if (r->id == 0 || !r->command)
                return -EBADMSG;
        q = !whole ? record_make_brief(r) : 0;
        if (q < 0)
                return q;
        *ret = TAKE_PTR(r);
        return 0;
}

int job_id_parse(const char *s, uint64_t *ret) {
        uint64_t id;

        if (s[0] == '0' || parse_number(s, JOB_ID_MAX, &id) < 0)
                return -EINVAL;
        *ret = id;
        return 0;
}

static int file_name(uint64_t id, char **ret) {
        return asprintf(ret, "%" PRIu64, id) < 0 ? -ENOMEM : 0;
}

/* The text of a brief record, with what the one on disk has beyond it. */
static int format_whole(int dir_fd, const Record *r, char **ret) {
        _cleanup_(record_freep) Record *old = NULL;
        Record whole = *r;
        int q;

        q = record_load(dir_fd, r->id, /* whole= */ true, &old);
        if (q == -ENOENT || q == -EBADMSG)
                return record_format(r, ret); /* better brief than not at all */
        if (q < 0)
                return q;
        whole.command = old->command;
        whole.mounts = old->mounts;
        return record_format(&whole, ret);
}

int record_save(int dir_fd, const Record *r) {
        _cleanup_free_ char *text = NULL, *name = NULL;
        int q;

        q = r->brief ? format_whole(dir_fd, r, &text) : record_format(r, &text);
        if (q >= 0)
                q = file_name(r->id, &name);
        if (q < 0)
                return q;
        if (strlen(text) > RECORD_SIZE_MAX)
                return -EFBIG; /* it could not be read again */
        return atomic_file_write_at(dir_fd, name, text, strlen(text), 0600, false);
}

int record_load(int dir_fd, uint64_t id, bool whole, Record **ret) {
        _cleanup_(record_freep) Record *r = NULL;
        _cleanup_free_ char *text = NULL, *name = NULL;
        int q;

        q = file_name(id, &name);
        if (q >= 0)
                q = file_read_at(dir_fd, name, RECORD_SIZE_MAX, &text, NULL);
        if (q >= 0)
                q = record_parse(text, whole, &r);
        if (q < 0)
                return q;
        if (r->id != id)
                return -EBADMSG;
        *ret = TAKE_PTR(r);
        return 0;
}

int record_remove(int dir_fd, uint64_t id) {
        _cleanup_free_ char *name = NULL;
        int q;

        q = file_name(id, &name);
        if (q < 0)
                return q;
        return unlinkat(dir_fd, name, 0) < 0 ? -errno : 0;
}
