// Which workload runs: the boot argument `workload`.
#include "guest.h"

static const struct workload *const all[] = {
    &kv_workload, &dirty_workload, &cpu_workload, &check_workload, &desktop_workload,
};
const struct workload *workload;

void workload_choose(void) {
  char name[16] = "";
  argument_text("workload", name, sizeof name);
  for (u32 i = 0; i < COUNT_OF(all); i++)
    if (string_equal(all[i]->name, name)) workload = all[i];
  if (!workload) fatal("no such workload; use workload=kv|dirty|cpu|check|desktop, not", name);
}
