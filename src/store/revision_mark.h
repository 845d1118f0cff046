// A small file beside the database with the last revision that was acknowledged. SQLite drops the
// tail of its write-ahead log silently when a byte of it is damaged; the mark notices that
// acknowledged transactions are missing. It is written after each commit and not synced: it may lag
// behind after a power loss, but never runs ahead of what is on disk.
#pragma once

#include <cstdint>
#include <string>

#include "base/result.h"

namespace moln {

class RevisionMark {
public:
    // Creates the file if there is none.
    static Result<RevisionMark> open(const std::string& path);
    RevisionMark(RevisionMark&& other) noexcept;
    RevisionMark& operator=(RevisionMark&&) = delete;
    ~RevisionMark();

    // 0 for a new or unreadable mark: it is a second witness, not a condition.
    std::int64_t read() const;
    // A failure leaves the mark behind, which is allowed.
    void write(std::int64_t revision);

private:
    explicit RevisionMark(int fd) : fd_(fd) {}
    int fd_ = -1;
};

}  // namespace moln
