// Processes by descriptor: a pid may come to mean another process, a descriptor never does.
#pragma once

#include <string>

#include <sys/types.h>

#include "base/result.h"
#include "base/units.h"
#include "io/file/fd.h"

namespace moln {

Result<Fd> open_process(pid_t pid);
// Ok if it has ended already.
Status send_signal(const Fd& process, int signal);
// True once it has ended, false past the limit.
bool wait_for_end(const Fd& process, Milliseconds limit);

// Waits until the process would notice the signal: blocks or handles it. The first process of a pid
// namespace has no default actions, so a signal that comes before that is lost. False past the
// limit, or when it has ended.
bool wait_until_heard(pid_t pid, int signal, Milliseconds limit);

// "SIGTERM", "TERM" or "SIGRTMIN+3"; 0 for what is none.
int signal_number(const std::string& name);

}  // namespace moln
