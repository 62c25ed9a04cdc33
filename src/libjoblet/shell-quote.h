/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* A command as one line that a shell would read back as the same words. Returns 0 or -ENOMEM. */
int shell_quote(char *const *words, char **ret);
