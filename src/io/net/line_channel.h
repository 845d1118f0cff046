// Newline-delimited messages over a non-blocking stream socket, bounded both ways. Knows nothing
// of what the lines say. The caller waits for readiness and calls read_some / write_some.
//
// Over a unix socket a line may bring descriptors (SCM_RIGHTS, unix(7)): they arrive with its first
// byte, so that whoever reads whole lines finds each line's in take_descriptor()'s order.
#pragma once

#include <cstddef>
#include <deque>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "io/file/fd.h"

namespace moln::net {

inline constexpr std::size_t k_line_descriptors_max = 16;  // of one line
inline constexpr std::size_t k_descriptors_kept_max = 64;  // received and not taken

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
    // connection broke, a line passed line_max or more descriptors came than
    // k_descriptors_kept_max: close the channel then.
    Result<ReadState> read_some();
    // The next complete line without its newline; false when there is none. The view lives until
    // the next call of read_some or next_line.
    bool next_line(std::string_view* line);

    // The oldest descriptor that was received and not taken; invalid when there is none.
    Fd take_descriptor();

    // Queues one line (without newline) with at most k_line_descriptors_max descriptors, which are
    // closed here once they are sent. refused when unsent_max would be passed.
    Status send_line(std::string_view line, std::vector<Fd> descriptors = {});
    // Writes what the socket takes. True when everything is out.
    Result<bool> write_some();
    bool has_unsent() const { return sent_ < out_.size(); }

private:
    struct Attached {
        std::size_t at = 0;  // of out_: the first byte of its line
        std::vector<Fd> descriptors;
    };

    std::ptrdiff_t receive(std::size_t at, std::size_t bytes, bool& too_many);
    std::ptrdiff_t send_once();

    Fd fd_;
    LineLimits limits_;
    std::string in_;
    std::size_t consumed_ = 0;  // of in_, by next_line
    std::size_t scanned_ = 0;   // of in_, known to hold no newline
    std::string out_;
    std::size_t sent_ = 0;
    std::deque<Fd> received_;
    std::deque<Attached> attached_;
};

}  // namespace moln::net
