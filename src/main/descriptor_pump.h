// Bytes from and to descriptors on the loop, for terminals and pipes. Neither side is queued
// without bound: a reader can be told to pause, a writer says how much waits.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <string>

#include "io/host/host_loop.h"

namespace moln {

// Both hold copies of their descriptor, closed when they are destroyed.
class DescriptorReader {
public:
    virtual ~DescriptorReader() = default;
    virtual void on_bytes(std::function<void(std::string)> callback) = 0;
    // Called once when nothing more can be read.
    virtual void on_closed(std::function<void()> callback) = 0;
    virtual void pause() = 0;
    virtual void resume() = 0;
};

class DescriptorWriter {
public:
    virtual ~DescriptorWriter() = default;
    // "" ends the input: what was written before still arrives.
    virtual void write(std::string bytes) = 0;
    // Written and not yet taken; 0 once nobody takes anything any more.
    virtual std::size_t waiting() const = 0;
    // Called whenever some of it was taken.
    virtual void on_taken(std::function<void()> callback) = 0;
};

struct WriterOptions {
    // 0: as much as goes. Sockets that keep messages apart have readers that expect no larger ones.
    std::size_t piece_bytes_max = 0;
    std::function<void()> ended = {};  // "" was reached
};

std::shared_ptr<DescriptorReader> read_descriptor(HostLoop& loop, int fd);
std::shared_ptr<DescriptorWriter> write_descriptor(HostLoop& loop, int fd, WriterOptions options);

// Calls `callback` on the loop once `fd` is readable; drop the handle to forget about it.
std::shared_ptr<void> when_readable(HostLoop& loop, int fd, std::function<void()> callback);

}  // namespace moln
