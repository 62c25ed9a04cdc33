/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <json-c/json.h>

#include <systemd/sd-bus.h>

#include "cleanup.h"

#include "rnx.h"

static inline void json_cleanup(json_object **o) {
        (void) json_object_put(*o);
}
#define _cleanup_json_ _cleanup_(json_cleanup)

/* Adds a field and takes ownership of value, also on failure; NULL is null. 0 or -ENOMEM. */
int json_add(json_object *o, const char *key, json_object *value);
/* A list of strings, [] if there are none. */
int json_add_strings(json_object *o, const char *key, char *const *strings);
int json_add_string(json_object *o, const char *key, const char *value);
int json_add_uint(json_object *o, const char *key, uint64_t value); /* UINT64_MAX: null */

/* Bytes that are not UTF-8 become a list of numbers, as journalctl does. NULL on OOM. */
json_object* json_text(const char *s, size_t size);

/* The properties of an a{sv} at the read pointer: "CPUUsageNSec" becomes "cpu_usage_nsec", what is not
 * known or not yet so becomes null. 0 or a negative errno without a message. */
int json_from_properties(sd_bus_message *m, json_object **ret);

/* The text of o as --json= says, in one line unless that is pretty; it belongs to o. NULL on OOM. */
const char* json_format(json_object *o);
/* Prints o as --json= says, with a final newline. 0, or a negative errno after a message. */
int json_print(FILE *f, json_object *o);
