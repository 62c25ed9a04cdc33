/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What programs learn of "rnx run": the number of the job as soon as there is one (--verbose, --id-file=), and in
 * every end a record of it (--json, --record=), also where there never was a job. */

#include <stdbool.h>
#include <stdint.h>

#include "json.h"
#include "output-file.h"

typedef struct RunReport {
        bool verbose;
        OutputFile id_file, record;
        bool recorded;
} RunReport;

extern RunReport arg_report;

/* Whether success is to be told as well. */
bool report_wants_id(void);
bool report_wants_record(void);

/* The job has a number. 0, or a negative errno after a message. */
int report_id(uint64_t id);

/* The job's record: in JSON to f where --json asks for it, and to --record=. 0, or a negative errno after a message. */
int report_record(json_object *record, FILE *f);

/* At the end of rnx run, also where the options were wrong already: the record of what could not be run, if one is wanted
 * and there was none. Returns what to exit with for status, an exit status or a negative errno after a message. */
int run_end(int status);
