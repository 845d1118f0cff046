// Terminals into instances, on the loop: a new program in a running one, or the line to a one-off's
// own first process. See Control::open_terminal and Terminal in ports/control.h.
#pragma once

#include <memory>

#include "drivers/sandbox/host.h"
#include "io/host/host_loop.h"
#include "model/resources.h"
#include "ports/control.h"

namespace moln {

Result<std::unique_ptr<Terminal>> make_terminal(HostLoop& loop, SandboxHost& host,
                                                const Instance& instance,
                                                const TerminalRequest& request);

}  // namespace moln
