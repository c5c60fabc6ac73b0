/* SPDX-License-Identifier: MIT */
/* file.c: bounded reading, with an error that names the file. */
#include "policy/file.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

s2s_err eku__refuse_gnutls(char why[S2S_TEXT_MAX], const char *what, int r)
{
    return s2s__refuse(why, r == GNUTLS_E_MEMORY_ERROR ? S2S_E_NOMEM : S2S_E_INVAL, "%s: %s", what,
                       gnutls_strerror(r));
}

s2s_err eku__refuse_nomem(char why[S2S_TEXT_MAX])
{
    return s2s__refuse(why, S2S_E_NOMEM, "%s", s2s_strerror(S2S_E_NOMEM));
}

s2s_err eku__file_load(const char *file, size_t max, gnutls_datum_t *out, char why[S2S_TEXT_MAX])
{
    struct stat st;
    if (stat(file, &st) != 0)
        return s2s__refuse(why, S2S_E_INVAL, "%s: %s", file, strerror(errno));
    if (!S_ISREG(st.st_mode))
        return s2s__refuse(why, S2S_E_INVAL, "%s: not a file", file);
    if ((uintmax_t)st.st_size > max)
        return s2s__refuse(why, S2S_E_INVAL, "%s: larger than %zu bytes", file, max);
    errno = 0;
    if (gnutls_load_file(file, out) < 0)
        return s2s__refuse(why, S2S_E_INVAL, "%s: cannot be read: %s", file, strerror(errno));
    return S2S_OK;
}
