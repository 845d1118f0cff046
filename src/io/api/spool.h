// A request body on its way to a file: chunks are written in the pool, one at a time, so that a
// slow disk holds back the client and never the loop. The file goes with the last reference.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "base/result.h"
#include "ports/pool.h"

namespace moln::io {

class Spool {
public:
    Spool(Loop& loop, std::string path);
    ~Spool();  // removes the file, in the pool
    Spool(const Spool&) = delete;
    Spool& operator=(const Spool&) = delete;

    const std::string& path() const { return path_; }
    // One at a time: not again before `done`.
    void append(std::string bytes, std::function<void(Status)> done);

private:
    struct File;  // shared with the job that writes to it
    Loop& loop_;
    std::string path_;
    std::shared_ptr<File> file_;
};

}  // namespace moln::io
