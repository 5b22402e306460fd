/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* launcher/service/instance_store.h - rows of container instances. Inside a transaction of the caller. */
#include "launcher/service/launcher.h"

struct instance_row {
    char *id, *status, *principal_arn, *document;
    char *capacity;     /* CLUSTER | FARGATE | BOTH: whose tasks it takes */
    char *cluster_name; /* of instance_store_fleet; else "" or NULL */
    int64_t version, registered_at;
};
void instance_row_done(struct instance_row *r);

int instance_store_add(struct meta_tx *tx, int64_t cluster_id, const char *id,
                       const char *principal_arn, const char *document, int64_t now_us,
                       struct sw_err *err);
/* cluster_id 0: of any. 1 found, 0 not. */
int instance_store_get(struct meta_tx *tx, int64_t cluster_id, const char *id,
                       struct instance_row *ret, struct sw_err *err);
int instance_store_set_document(struct meta_tx *tx, const char *id, const char *document,
                                struct sw_err *err);
int instance_store_set_capacity(struct meta_tx *tx, const char *id, const char *capacity,
                                struct sw_err *err);
int instance_store_set_status(struct meta_tx *tx, const char *id, const char *status,
                              struct sw_err *err);
/* INACTIVE from now on. */
int instance_store_retire(struct meta_tx *tx, const char *id, int64_t now_us, struct sw_err *err);
/* How many of that principal are not INACTIVE. */
int instance_store_count(struct meta_tx *tx, const char *principal_arn, int64_t *ret_n,
                         struct sw_err *err);
/* Deletes INACTIVE ones that no task names, some hundreds at a time; their ids are added to the list. expire: those of before then.
 * trim: all of a principal but the last so many. */
int instance_store_expire(struct meta_tx *tx, int64_t before_us, json_t *ids, struct sw_err *err);
int instance_store_trim(struct meta_tx *tx, const char *principal_arn, int keep, json_t *ids,
                        struct sw_err *err);
/* Counts a change of the instance's tasks. */
int instance_store_touch(struct meta_tx *tx, const char *id, struct sw_err *err);
/* The same, if it is still ACTIVE and at this version; else SW_ESTALE. */
int instance_store_claim(struct meta_tx *tx, const char *id, int64_t version, struct sw_err *err);

/* All that are not INACTIVE and not only Fargate's, in the order of ids; *ret is owned, each row to be released. */
int instance_store_all(struct meta_tx *tx, int64_t cluster_id, struct instance_row **ret,
                       size_t *ret_n, struct sw_err *err);
/* Those that serve Fargate, of all clusters of an account and region: the same. */
int instance_store_fleet(struct meta_tx *tx, const char *account, const char *region,
                         struct instance_row **ret, size_t *ret_n, struct sw_err *err);
void instance_rows_free(struct instance_row *rows, size_t n);
/* Ids in order, without those that are only Fargate's; status "": all but INACTIVE. */
int instance_store_list(struct meta_tx *tx, int64_t cluster_id, const char *status,
                        struct launcher_page *page, json_t *ids, struct sw_err *err);
