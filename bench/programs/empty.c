// Nothing: what a machine costs before and after a program. The others' times are less this.
#include "runtime/runtime.h"

void program(void) { report("empty", 0); }
