/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <inttypes.h>
#include <string.h>

#include "bus.h"
#include "format.h"
#include "job-line.h"
#include "job-name.h"
#include "rnx.h"
#include "strv.h"
#include "text.h"

#define NUMBERS_SHOWN 10U

typedef struct Namesakes {
        uint64_t newest;
        size_t n, n_live;
        char **live, **all; /* their numbers, as text, the newest so many */
} Namesakes;

static void namesakes_done(Namesakes *n) {
        strv_free(n->live);
        strv_free(n->all);
}

static int namesakes_read(const char *name, Namesakes *ret) {
        const JobFilter filter = { .name = name };
        _cleanup_message_ sd_bus_message *lines = NULL;
        JobLine l;
        int r;

        r = job_lines(&filter, &lines);
        if (r < 0)
                return r;
        while ((r = job_line_read(lines, &l)) > 0) {
                ret->newest = l.id;
                ret->n++;
                if (strv_extendf(&ret->all, "%" PRIu64, l.id) < 0)
                        return log_oom();
                if (l.finished > 0)
                        continue;
                ret->n_live++;
                if (strv_extendf(&ret->live, "%" PRIu64, l.id) < 0)
                        return log_oom();
        }
        return r < 0 ? bus_error_print(NULL, r) : 0;
}

static int refuse_several(const char *name, const char *what, char **numbers, size_t n) {
        _cleanup_free_ char *list = strv_join(numbers + (n > NUMBERS_SHOWN ? n - NUMBERS_SHOWN : 0), ", ");

        if (!list)
                return log_oom();
        return log_error(-ENOTUNIQ, "%zu %s are called '%s', say which by its number: %s%s", n, what, name,
                         n > NUMBERS_SHOWN ? "..., " : "", list);
}

int job_find(const char *s, JobChoice choice, uint64_t *ret) {
        _cleanup_(namesakes_done) Namesakes found = {};
        int r;

        if (job_id_parse(s, ret) >= 0)
                return 0;
        if (!*s || !text_is_line(s))
                return log_error(-EINVAL, "'%s' is neither the number nor the name of a job, see 'rnx list'", s);
        if (strspn(s, "0123456789") == strlen(s))
                return log_error(-ENOENT, "there is no job %s, see 'rnx list'", s);
        r = namesakes_read(s, &found);
        if (r < 0)
                return r;
        if (found.n == 0)
                return log_error(-ENOENT, "you have no job called '%s', see 'rnx list'", s);
        if (choice == JOB_ONLY && found.n > 1)
                return refuse_several(s, "jobs", found.all, found.n);
        if (choice == JOB_ONLY_LIVE && found.n_live > 1)
                return refuse_several(s, "running jobs", found.live, found.n_live);
        if (choice == JOB_ONLY_LIVE && found.n_live == 1)
                return job_id_parse(found.live[0], ret);
        *ret = found.newest;
        return 0;
}
