/* SPDX-License-Identifier: Apache-2.0 */
#include "launcher/service/exec_agent_doc.h"

#include "base/json.h"

static json_t *agent_of(json_t *container)
{
    json_t *list = sw_json_array(container, "managedAgents");
    if (!list) {
        list = json_pack("[{s:s}]", "name", "ExecuteCommandAgent");
        sw_json_set_new(container, "managedAgents", list);
    }
    return json_array_get(list, 0);
}

void exec_agent_doc_follow(json_t *task, int64_t now_us)
{
    json_t *c;
    size_t i;
    if (!sw_json_bool(task, "enableExecuteCommand", false))
        return;
    json_array_foreach(sw_json_array(task, "containers"), i, c) {
        json_t *agent = agent_of(c);
        const char *status = sw_json_str(c, "lastStatus", "PENDING");
        bool running = sw_streq(status, "RUNNING"), stopped = sw_streq(status, "STOPPED");
        if (running && !json_object_get(agent, "lastStartedAt"))
            sw_json_set_time_us(agent, "lastStartedAt", now_us);
        sw_json_set_str(agent, "lastStatus", running ? "RUNNING" : stopped ? "STOPPED" : "PENDING");
    }
}
