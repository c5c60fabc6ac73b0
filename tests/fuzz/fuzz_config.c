/* SPDX-License-Identifier: MIT */
/* fuzz_config.c: s2sd's configuration: either a configuration or words about what is wrong. */
#include "fuzz/fuzz.h"

#include <stdio.h>

#include "node/config.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *words = NULL;
    size_t len = 0;
    config *c = NULL;
    FILE *errors = open_memstream(&words, &len);
    fuzz_must(errors != NULL);
    s2s_err err = config_load_text("/nonexistent/s2sd.yaml", (s2s_str){(const char *)data, size}, errors, &c);
    fuzz_must(fclose(errors) == 0);
    fuzz_must((err == S2S_OK) == (c != NULL));
    fuzz_must(err == S2S_OK || len > 0);
    config_free(c);
    free(words);
    return 0;
}
