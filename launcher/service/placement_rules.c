/* SPDX-License-Identifier: Apache-2.0 */
#include "launcher/service/placement_rules.h"

#include "base/json.h"
#include "launcher/service/service.h"

static int add_constraints(const json_t *from, struct sw_arena *a, struct placement_rules *ret,
                           struct sw_err *err)
{
    const json_t *v;
    size_t i;
    json_array_foreach(sw_json_array(from, "placementConstraints"), i, v) {
        if (ret->constraints_n == PLAN_CONSTRAINTS_MAX)
            return sw_fail(err, SW_EINVALID, SERVICE_INVALID,
                           "A task may have at most %d placement constraints.",
                           PLAN_CONSTRAINTS_MAX);
        int r =
            plan_constraint_parse(sw_json_str(v, "type", NULL), sw_json_str(v, "expression", NULL),
                                  a, &ret->constraints[ret->constraints_n++], err);
        if (r < 0)
            return r;
    }
    return 0;
}

int placement_rules_read(const json_t *definition, const json_t *request, struct sw_arena *a,
                         struct placement_rules *ret, struct sw_err *err)
{
    const json_t *v;
    size_t i;
    *ret = (struct placement_rules){.constraints_n = 0};
    int r = add_constraints(definition, a, ret, err);
    if (r == 0)
        r = add_constraints(request, a, ret, err);
    if (r < 0)
        return r;
    json_array_foreach(sw_json_array(request, "placementStrategy"), i, v) {
        if (i == PLAN_STRATEGIES_MAX)
            return sw_fail(err, SW_EINVALID, SERVICE_INVALID,
                           "A task may have at most %d placement strategies.", PLAN_STRATEGIES_MAX);
        r = plan_strategy_parse(sw_json_str(v, "type", NULL), sw_json_str(v, "field", NULL),
                                &ret->strategies[ret->strategies_n++], err);
        if (r < 0)
            return r;
    }
    return 0;
}

bool placement_rules_read_groups(const struct placement_rules *r)
{
    bool spread = false;
    for (size_t i = 0; i < r->strategies_n; i++)
        spread |= r->strategies[i].type == PLAN_SPREAD_ATTRIBUTE ||
                  r->strategies[i].type == PLAN_SPREAD_INSTANCE;
    return spread || r->constraints_n > 0;
}

const struct plan_attribute *placement_required(const json_t *definition, struct sw_arena *a,
                                                size_t *ret_n)
{
    const json_t *list = sw_json_array(definition, "requiresAttributes"), *v;
    size_t i;
    *ret_n = json_array_size(list);
    struct plan_attribute *attributes = SW_ARENA_NEW(a, struct plan_attribute, *ret_n);
    json_array_foreach(list, i, v) {
        attributes[i].name = sw_json_str(v, "name", "");
        attributes[i].value = sw_json_str(v, "value", NULL);
    }
    return attributes;
}

static json_t *port_list(const uint16_t *ports, size_t n)
{
    json_t *list = json_array();
    for (size_t i = 0; i < n; i++)
        json_array_append_new(list, json_integer(ports[i]));
    return list;
}

char *placement_ports(const struct task_resources *r)
{
    sw_autojson json_t *ports =
        json_pack("{s:o, s:o}", "tcp", port_list(r->tcp_ports, r->tcp_ports_n), "udp",
                  port_list(r->udp_ports, r->udp_ports_n));
    return sw_json_dump(ports);
}
