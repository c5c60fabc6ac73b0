/* SPDX-License-Identifier: MIT */
/* fuzz_names.c: presented names against a reference identity. The input: lines; the first is the reference, the others a
 * digit for the type and the name. */
#include <string.h>

#include "fuzz.h"
#include "policy/names.h"

enum { LINES_MAX = 16 };

/* Takes the line up to '\n', or the rest. */
static s2s_str take_line(s2s_str *in)
{
    const char *end = memchr(in->ptr, '\n', in->len);
    s2s_str line = {in->ptr, end ? (size_t)(end - in->ptr) : in->len};
    size_t used = line.len + (end != NULL);
    *in = (s2s_str){in->ptr + used, in->len - used};
    return line;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    s2s_str in = {(const char *)data, size};
    eku__name names[LINES_MAX];
    size_t len = 0;
    if (size == 0)
        return 0;
    s2s_str reference = take_line(&in);
    while (in.len > 1 && len < LINES_MAX) {
        s2s_str line = take_line(&in);
        if (line.len < 2)
            continue;
        eku__name_type type = (eku__name_type)((unsigned char)line.ptr[0] % 4);
        s2s_str value = {line.ptr + 1, line.len - 1};
        bool ip = value.len == 4 || value.len == 16;
        if (type == EKU__NAME_IP ? ip : !memchr(value.ptr, 0, value.len)) /* what facts promise */
            names[len++] = (eku__name){type, value};
    }
    s2s_identity all = eku__names_match(names, len, reference, false);
    s2s_identity dns_only = eku__names_match(names, len, reference, true);
    FUZZ_CHECK((all == S2S_IDENTITY_ABSENT) == (len == 0));
    FUZZ_CHECK(dns_only != S2S_IDENTITY_MATCH || all == S2S_IDENTITY_MATCH);
    bool any = false; /* any match suffices, and nothing else */
    for (size_t i = 0; i < len; i++)
        any = eku__names_match(&names[i], 1, reference, false) == S2S_IDENTITY_MATCH || any;
    FUZZ_CHECK((all == S2S_IDENTITY_MATCH) == any);
    return 0;
}
