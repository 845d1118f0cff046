// A folder held open, so that its files stay in reach once the edge has become another user, to
// whom the way there may be closed: data directories are root's alone.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/result.h"
#include "io/file/fd.h"

namespace moln::edge_loop {

class Folder {
public:
    Folder() = default;
    static Result<Folder> open(const std::string& path);

    // `name` is one of its files; errors name the whole path.
    Result<Fd> open_file(const std::string& name, int flags, int mode) const;
    Status rename(const std::string& from, const std::string& to) const;
    // What was written to `file`, the one called `from`, is on stable storage under the name `to`:
    // after a crash there is the one before or this one.
    Status put_in_place(const Fd& file, const std::string& from, const std::string& to) const;
    Status sync() const;
    // Ok if there is none of that name.
    Status remove(const std::string& name) const;
    // The names of what lies in it, sorted.
    Result<std::vector<std::string>> names() const;
    // What an unprivileged writer may still use of its file system.
    Result<std::uint64_t> free_bytes() const;
    std::string path_of(const std::string& name) const { return path_ + "/" + name; }

private:
    std::string path_;
    Fd fd_;
};

}  // namespace moln::edge_loop
