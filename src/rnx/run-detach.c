/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* rnx run --detach: the call, and the job's id. */

#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "bus.h"
#include "helper.h"
#include "json.h"
#include "rnx.h"
#include "run-report.h"
#include "run.h"

static int record_print(uint64_t id, const char *path) {
        _cleanup_json_ json_object *o = NULL;
        _cleanup_free_ char *unit = NULL;

        o = json_object_new_object();
        if (!o || asprintf(&unit, "joblet-job-%" PRIu64 ".service", id) < 0) {
                unit = NULL;
                return log_oom();
        }
        if (json_add_uint(o, "id", id) < 0 || json_add_string(o, "unit", unit) < 0 ||
            json_add_string(o, "object_path", path) < 0)
                return log_oom();
        return report_record(o, stdout);
}

/* The number is all that is left of the job here: where it cannot be written it is told, with the reason. */
static int id_print(uint64_t id, const char *path) {
        int r = 0;

        errno = 0;
        if (arg_json == JSON_OFF)
                printf("%" PRIu64 "\n", id);
        if (report_wants_record())
                r = record_print(id, path);
        if (fflush(stdout) != 0 || ferror(stdout)) {
                int error = errno > 0 ? errno : EIO;

                return log_error(-error, "job %" PRIu64 " was started, but that cannot be written to standard output: %s", id, strerror(error));
        }
        return r < 0 ? log_error(r, "job %" PRIu64 " was started all the same", id) : 0;
}

int run_detached(const Run *run) {
        _cleanup_message_ sd_bus_message *m = NULL, *reply = NULL;
        _cleanup_bus_error_ sd_bus_error error = SD_BUS_ERROR_NULL;
        RunFds fds = RUN_FDS_NULL;
        const char *path;
        pid_t packer = 0;
        uint64_t id;
        int r, reported;

        (void) signal(SIGPIPE, SIG_IGN); /* if the reader of the number has gone, that is told */
        if (run->uploads.n_uploads > 0) {
                r = upload_start(&run->uploads, &fds.upload_fd, &packer);
                if (r < 0)
                        return r;
        }
        r = run_message(run, &fds, "Run", &m);
        if (r < 0) {
                run_fds_close(&fds);
                return bus_error_print(NULL, r);
        }
        r = bus_call(m, &error, &reply);
        run_fds_close(&fds);
        m = sd_bus_message_unref(m); /* it holds copies of the descriptors */
        if (r < 0) {
                helper_tell_death(&packer, HELPER_PACKER);
                return run_error_print(&error, r);
        }
        r = sd_bus_message_read(reply, "to", &id, &path);
        if (r < 0)
                return bus_error_print(NULL, r);
        reported = report_id(id);
        r = id_print(id, path);
        if (reported >= 0)
                reported = r;
        /* The job has been accepted; its files still have to get there. */
        if (helper_wait(&packer, HELPER_PACKER) < 0)
                return log_error(-EIO, "not all files of job %" PRIu64 " could be sent", id);
        return reported;
}
