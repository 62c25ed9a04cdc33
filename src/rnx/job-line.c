/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "bus.h"
#include "job-line.h"
#include "strv.h"

#define LINE "(tosssusttti)"

static int append_states(sd_bus_message *m, char **states) {
        int r;

        r = sd_bus_message_open_container(m, SD_BUS_TYPE_DICT_ENTRY, "sv");
        if (r >= 0)
                r = sd_bus_message_append(m, "s", "State");
        if (r >= 0)
                r = sd_bus_message_open_container(m, SD_BUS_TYPE_VARIANT, "as");
        if (r >= 0)
                r = sd_bus_message_append_strv(m, states);
        if (r >= 0)
                r = sd_bus_message_close_container(m);
        return r < 0 ? r : sd_bus_message_close_container(m);
}

static int append_filter(sd_bus_message *m, const JobFilter *f) {
        int r;

        r = sd_bus_message_open_container(m, SD_BUS_TYPE_ARRAY, "{sv}");
        if (r >= 0 && f->all)
                r = sd_bus_message_append(m, "{sv}", "All", "b", true);
        if (r >= 0 && f->limit > 0)
                r = sd_bus_message_append(m, "{sv}", "Limit", "u",
                                          f->limit > UINT32_MAX ? UINT32_MAX : (uint32_t) f->limit);
        if (r >= 0 && f->name)
                r = sd_bus_message_append(m, "{sv}", "Name", "s", f->name);
        if (r >= 0 && f->runtime)
                r = sd_bus_message_append(m, "{sv}", "Runtime", "s", f->runtime);
        if (r >= 0 && f->since_usec > 0)
                r = sd_bus_message_append(m, "{sv}", "SinceUSec", "t", f->since_usec);
        if (r >= 0 && f->states)
                r = append_states(m, f->states);
        return r < 0 ? r : sd_bus_message_close_container(m);
}

int job_lines(const JobFilter *filter, sd_bus_message **ret) {
        _cleanup_message_ sd_bus_message *m = NULL, *reply = NULL;
        _cleanup_bus_error_ sd_bus_error error = SD_BUS_ERROR_NULL;
        int r;

        r = bus_call_new(BUS_PATH, MANAGER_INTERFACE, "ListJobs", &m);
        if (r < 0)
                return r;
        r = append_filter(m, filter);
        if (r < 0)
                return bus_error_print(NULL, r);
        r = bus_call(m, &error, &reply);
        if (r < 0)
                return bus_error_print(&error, r);
        r = sd_bus_message_enter_container(reply, SD_BUS_TYPE_ARRAY, LINE);
        if (r < 0)
                return bus_error_print(NULL, r);
        *ret = sd_bus_message_ref(reply);
        return 0;
}

int job_line_read(sd_bus_message *m, JobLine *l) {
        return sd_bus_message_read(m, LINE, &l->id, &l->path, &l->name, &l->state, &l->runtime, &l->owner, &l->command,
                                   &l->submitted, &l->started, &l->finished, &l->exit_status);
}
