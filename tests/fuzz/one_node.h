/* SPDX-License-Identifier: MIT */
/* one_node.h: a node with one domain and no peer, made once and kept, for what asks it. */
#ifndef FUZZ_ONE_NODE_H
#define FUZZ_ONE_NODE_H

#include "node/node.h"
#include "support/test_env.h"

typedef struct one_node {
    test_env t;
    uv_loop_t loop;
    node *node;
} one_node;

/* "our.example". The same every time; stopped and freed at exit. */
one_node *one_node_get(void);

#endif
