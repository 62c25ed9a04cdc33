/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What the shells offer: they hand over the words of a command line and get what may stand for the last one, from the
 * tables of verbs and options themselves. */

#define COMPLETE_REQUEST "__complete"

/* words: what follows "rnx", the last one being completed. Prints, each in a line,
 *   "=WORD\tHELP"   a candidate; words with the help of a row of a table, jobs with their state and command
 *   ":skip N"       so many characters of the last word stay, candidates replace what follows
 *   ":nospace"      more may follow directly
 *   ":files", ":directories"
 *   ":command N"    from words[N] on it is the command line of another program */
int complete(int n, char *words[]);
