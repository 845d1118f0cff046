// What the control thread's epoll tags point to: something that takes its own events.
#pragma once

#include <cstdint>

namespace moln::edge_loop {

class ControlPart {
public:
    virtual ~ControlPart() = default;
    virtual void on_event(std::uint32_t events, std::int64_t now_ms) = 0;
};

}  // namespace moln::edge_loop
