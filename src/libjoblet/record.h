/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The record of a job: what was asked, what is true of it now, and what is left of it afterwards. One
 * file per job below /var/lib/joblet/jobs/, named by its id, replaced atomically at each change that must
 * survive. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "cleanup.h"
#include "plan.h"

typedef enum JobState {
        JOB_INITIALIZING, /* its unit is being set up */
        JOB_RUNNING,      /* its command runs */
        JOB_COMPLETED,    /* ended with exit code 0 */
        JOB_FAILED,       /* ended in any other way, or never ran */
        JOB_STOPPED,      /* ended because somebody stopped it */
        JOB_TIMEOUT,      /* ended because its time was up */
        _JOB_STATE_MAX,
        _JOB_STATE_INVALID = -EINVAL,
} JobState;

typedef enum JobResult {
        JOB_RESULT_NONE, /* not over yet */
        JOB_RESULT_SUCCESS,
        JOB_RESULT_EXIT_CODE,
        JOB_RESULT_SIGNAL,
        JOB_RESULT_CORE_DUMP,
        JOB_RESULT_OOM,
        JOB_RESULT_TIMEOUT,
        JOB_RESULT_STOPPED,
        JOB_RESULT_SETUP, /* the command never ran */
        JOB_RESULT_LOST,  /* nobody saw its end: the host went down */
        _JOB_RESULT_MAX,
        _JOB_RESULT_INVALID = -EINVAL,
} JobResult;

const char* job_state_to_string(JobState s);
JobState job_state_from_string(const char *s);
const char* job_result_to_string(JobResult r);
JobResult job_result_from_string(const char *s);

static inline bool job_state_is_final(JobState s) {
        return s >= JOB_COMPLETED;
}

/* Fits into a user's name, and into numbers of JSON. */
#define JOB_ID_MAX UINT64_C(999999999999999)

/* The number of a job in its one spelling. Returns 0 or -EINVAL. */
int job_id_parse(const char *s, uint64_t *ret);

#define RECORD_COMMAND_MAX (128U * 1024U) /* bytes of a command that are kept */
#define RECORD_WORDS_MAX (32U * 1024U)    /* and words of it */
#define RECORD_BRIEF_COMMAND_MAX 200U     /* and that lists show */
#define RECORD_BRIEF_WORDS_MAX 32U        /* and words of it */
#define RECORD_MOUNTS_MAX (256U * 1024U) /* bytes: a runtime may have thousands, those that come last are left out then */

typedef struct Record {
        uint64_t id;
        uid_t owner;
        char *name;          /* or NULL */
        char **command;
        char *runtime;       /* display name, or NULL */
        char *runtime_id;    /* see runtime_name_id(); NULL in records of before */
        char *runtime_digest;
        char *request_id;    /* or NULL */
        char *invocation_id; /* 32 hexadecimal digits, NULL until systemd has given one */
        bool attached;       /* submitted with a client's descriptors */
        uint64_t stop_usec;  /* CLOCK_MONOTONIC, when it was asked to stop; 0: was not */
        bool brief;          /* as kept in memory once the job runs, see record_make_brief(); not in the file */

        char *workdir;
        NetworkMode network;
        uint64_t memory_max;         /* UINT64_MAX: no limit */
        uint64_t memory_recommended; /* by the runtime; 0: it does not say */
        uint32_t cpu_percent;  /* 0: no limit */
        char *cpus;            /* NULL: all */
        uint64_t timeout_usec; /* USEC_INFINITY: none */
        char **mounts;         /* "source\ttarget\toptions" */

        JobState state;
        JobResult result;
        char *reason;          /* in words, for all but success; or NULL */
        int exit_code;         /* -1: none */
        int exit_signal;       /* 0: none */

        uint64_t submitted_usec, started_usec, finished_usec; /* CLOCK_REALTIME, 0: not yet */
        uint64_t cpu_usec, memory_peak, io_read_bytes, io_write_bytes; /* UINT64_MAX: not known */
        uint64_t log_entries;    /* that the journal was given; UINT64_MAX: not known (yet) */
        uint64_t unlogged_bytes; /* of the output, that it was not; the same */
} Record;

/* A record of a job that has just been accepted. Copies what it keeps. */
int record_new(const Plan *plan, const Request *request, bool attached, uint64_t now_usec, Record **ret);
Record* record_free(Record *r);
DEFINE_CLEANUP(Record*, record_free);

/* What a shell would report: the exit code, 128 + signal, 124 for a timeout, 125 where the command never
 * ran; -1 while it runs. */
int record_exit_status(const Record *r);

/* The beginning of the command, ending in "..." where something was left out. Returns 0 or -ENOMEM. */
int record_brief_command(const Record *r, char ***ret);
/* Leaves of a record that is on disk what tens of thousands may keep in memory: not the mounts, and of the
 * command no more than the beginning. record_save() keeps what is on disk of these. Returns 0 or -ENOMEM. */
int record_make_brief(Record *r);

/* Reading and writing, relative to the directory of records. record_save(): -EFBIG if it could not be read
 * again. record_load(): 0, -ENOENT, -EBADMSG for a file that is not a whole record, -ENOMEM or another
 * errno; whole false makes it brief. */
int record_save(int dir_fd, const Record *r);
int record_load(int dir_fd, uint64_t id, bool whole, Record **ret);
int record_remove(int dir_fd, uint64_t id);

/* As text, for record_save() and the tests. */
int record_format(const Record *r, char **ret);
int record_parse(const char *text, bool whole, Record **ret);
