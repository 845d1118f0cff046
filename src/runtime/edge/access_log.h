// The access log's file: takes the workers' rings and writes them out. Control thread only.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"
#include "io/file/fd.h"
#include "runtime/edge/core.h"
#include "runtime/edge/folder.h"

namespace moln::edge_loop {

class AccessLog {
public:
    // An empty path: no log.
    static Result<AccessLog> open(const std::string& path);

    bool on() const { return !path_.empty(); }
    int fd() const { return fd_.get(); }
    // After the file was moved away. On failure the old file goes on.
    Status reopen();
    // Writes all that is in the rings. What the disk refuses is dropped and counted.
    void flush(std::span<const std::unique_ptr<WorkerPort>> workers);
    std::int64_t dropped() const { return dropped_; }

private:
    std::string path_;
    Folder folder_;
    std::string name_;
    Fd fd_;
    std::int64_t dropped_ = 0;
    bool complained_ = false;
};

}  // namespace moln::edge_loop
