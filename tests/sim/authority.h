/* SPDX-License-Identifier: MIT */
/* authority.h: the certificates of the simulated servers, made once for the process, all with keys and signatures of one
 * length (Ed25519), so that the same seed always moves the same number of bytes. */
#ifndef SIM_AUTHORITY_H
#define SIM_AUTHORITY_H

#include "s2s/policy.h"
#include "sim/clock.h"

#define SIM_PAPERS(X)                                                                              \
    X(PAPER_BOTH, "both")            /* serverAuth and clientAuth */                               \
    X(PAPER_SERVER, "server")        /* serverAuth alone */                                        \
    X(PAPER_CLIENT, "client")        /* clientAuth alone */                                        \
    X(PAPER_NO_EKU, "no-eku")                                                                      \
    X(PAPER_EXPIRED, "expired")                                                                    \
    X(PAPER_SOON, "soon")            /* until SIM_SOON_SECONDS after the beginning */              \
    X(PAPER_FUTURE, "future")        /* from then on */                                            \
    X(PAPER_ROGUE, "rogue")          /* by an authority of the same name that nobody trusts */

typedef enum sim_paper {
#define S2S_X(name, word) name,
    SIM_PAPERS(S2S_X)
#undef S2S_X
    PAPERS
} sim_paper;

enum { SIM_SOON_SECONDS = 900 };

void authority_begin(void);
void authority_end(void);
const char *authority_anchor_file(void);
/* Of "dNNN.example". Paths live until authority_end. */
void authority_files(int domain, sim_paper paper, const char **chain, const char **key);
/* Which of them that leaf is; false: none. */
bool authority_find(s2s_bytes leaf, int *domain, sim_paper *paper);
/* What a policy has to say of it, by the table of docs/policy.md, without looking into the certificate. */
bool authority_expects(sim_paper paper, bool strict, s2s_role peer_role, int64_t wall);
const char *sim_paper_word(sim_paper paper);

#endif
