/* SPDX-License-Identifier: MIT */
/* test_request.c: what a CertificateRequest asks for. */
#include "probe/request.h"

#include <string.h>

#include <criterion/criterion.h>

#define BYTES(literal) ((s2s_bytes){(const uint8_t *)literal, sizeof literal - 1})
/* CN=A and CN=B as distinguished names, 14 octets each */
#define DN(letter) "\x30\x0c\x31\x0a\x30\x08\x06\x03\x55\x04\x03\x0c\x01" letter
#define DN_LEN     "\x00\x0e"

static const struct {
    const char *name;
    bool tls13;
    s2s_bytes message;
    bool readable;
    size_t total, len;
    const char *first;
} ROWS[] = {
    {"1.2, any CA", false, BYTES("\x01\x01\x00\x02\x04\x03\x00\x00"), true, 0, 0, NULL},
    {"1.2, two CAs", false, BYTES("\x01\x01\x00\x02\x04\x03\x00\x20" DN_LEN DN("A") DN_LEN DN("B")), true, 2, 2,
     "CN=A"},
    {"1.2, a name that is none is counted", false, BYTES("\x01\x01\x00\x02\x04\x03\x00\x04\x00\x02\x05\x05"), true, 1,
     0, NULL},
    {"1.2, cut in the list", false, BYTES("\x01\x01\x00\x02\x04\x03\x00\x20" DN_LEN DN("A")), false, 0, 0, NULL},
    {"1.2, empty", false, BYTES(""), false, 0, 0, NULL},
    {"1.3, any CA", true, BYTES("\x00\x00\x08\x00\x0d\x00\x04\x00\x02\x04\x03"), true, 0, 0, NULL},
    {"1.3, one CA", true, BYTES("\x00\x00\x16\x00\x2f\x00\x12\x00\x10" DN_LEN DN("A")), true, 1, 1, "CN=A"},
    {"1.3, with a context", true, BYTES("\x01\x7f\x00\x16\x00\x2f\x00\x12\x00\x10" DN_LEN DN("B")), true, 1, 1, "CN=B"},
    {"1.3, an extension that is not whole", true, BYTES("\x00\x00\x05\x00\x2f\x00\x12\x00"), false, 0, 0, NULL},
    {"1.3, junk behind the extensions", true, BYTES("\x00\x00\x02\x00\x2f"), false, 0, 0, NULL},
    {"1.3, empty", true, BYTES(""), false, 0, 0, NULL},
};

Test(ctl_request, table)
{
    for (size_t i = 0; i < sizeof ROWS / sizeof *ROWS; i++) {
        request_facts f;
        memset(&f, 0xff, sizeof f);
        request_read(ROWS[i].tls13, ROWS[i].message, &f);
        cr_expect(f.asked, "%s", ROWS[i].name);
        cr_expect_eq(f.readable, ROWS[i].readable, "%s", ROWS[i].name);
        if (!ROWS[i].readable)
            continue;
        cr_expect_eq(f.cas_total, ROWS[i].total, "%s: %zu", ROWS[i].name, f.cas_total);
        cr_expect_eq(f.cas_len, ROWS[i].len, "%s: %zu", ROWS[i].name, f.cas_len);
        if (ROWS[i].first)
            cr_expect_str_eq(f.cas[0], ROWS[i].first, "%s", ROWS[i].name);
    }
}

Test(ctl_request, no_cut_of_a_message_is_read_past_its_end)
{
    for (size_t i = 0; i < sizeof ROWS / sizeof *ROWS; i++) {
        for (size_t len = 0; len < ROWS[i].message.len; len++) {
            request_facts f;
            uint8_t *copy = malloc(len ? len : 1); /* so that the sanitizer sees its end */
            memcpy(copy, ROWS[i].message.ptr, len);
            request_read(ROWS[i].tls13, (s2s_bytes){copy, len}, &f);
            cr_expect_leq(f.cas_len, (size_t)REQUEST_NAMES_MAX);
            free(copy);
        }
    }
}
