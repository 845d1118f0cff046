// Bytes from and to one descriptor on the loop, for terminals. Bounded on the way in; what is read
// is given on at once.
#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <string>

#include "io/host/host_loop.h"

namespace moln {

class DescriptorPump {
public:
    virtual ~DescriptorPump() = default;  // closes its copies of the descriptors

    // "" ends the input: what was written before still arrives.
    virtual void write(std::string bytes) = 0;
    virtual void on_bytes(std::function<void(std::string)> callback) = 0;
    // Called once when nothing more can be read.
    virtual void on_closed(std::function<void()> callback) = 0;
};

// Reads from `output_fd` and writes to `input_fd`, both of which stay the caller's. They may be the
// same one. `input_ended` is called when "" was reached.
std::shared_ptr<DescriptorPump> pump_descriptors(HostLoop& loop, int output_fd, int input_fd,
                                                 std::size_t input_bytes_max,
                                                 std::function<void()> input_ended);

// Calls `callback` on the loop once `fd` is readable; drop the handle to forget about it.
std::shared_ptr<void> when_readable(HostLoop& loop, int fd, std::function<void()> callback);

}  // namespace moln
