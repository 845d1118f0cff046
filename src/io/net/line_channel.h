// Newline-delimited messages over a non-blocking stream socket, bounded both ways. Knows nothing
// of what the lines say. The caller waits for readiness and calls read_some / write_some.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "base/result.h"
#include "io/file/fd.h"

namespace moln::net {

struct LineLimits {
    std::size_t line_max = 16u << 20;    // bytes of one received line without its newline
    std::size_t unsent_max = 64u << 20;  // bytes waiting for a peer that does not read
};

class LineChannel {
public:
    LineChannel(Fd fd, LineLimits limits) : fd_(std::move(fd)), limits_(limits) {}

    int fd() const { return fd_.get(); }

    enum class ReadState { more, ended };
    // Takes what the socket has. `ended` when the peer closed its side; an Error when the
    // connection broke or a line passed line_max: close the channel then.
    Result<ReadState> read_some();
    // The next complete line without its newline; false when there is none. The view lives until
    // the next call of read_some or next_line.
    bool next_line(std::string_view* line);

    // Queues one line (without newline). refused when unsent_max would be passed.
    Status send_line(std::string_view line);
    // Writes what the socket takes. True when everything is out.
    Result<bool> write_some();
    bool has_unsent() const { return sent_ < out_.size(); }

private:
    Fd fd_;
    LineLimits limits_;
    std::string in_;
    std::size_t consumed_ = 0;  // of in_, by next_line
    std::size_t scanned_ = 0;   // of in_, known to hold no newline
    std::string out_;
    std::size_t sent_ = 0;
};

}  // namespace moln::net
